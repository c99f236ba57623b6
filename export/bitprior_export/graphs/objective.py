"""f(z) = ||y - A(G(z))||^2 and its gradient, in a graph."""

from dataclasses import dataclass

from bitprior_export.graphs.adjoint import emit_adjoint
from bitprior_export.graphs.builder import GraphBuilder
from bitprior_export.graphs.forward import Emitted, emit_forward
from bitprior_runtime.program import Program


@dataclass(frozen=True)
class Objective:
    """f at a latent, in a graph.

    Attributes:
        drawn: The generator.
        sensed: The sensing network behind it.
        residual: Name of A(G(z)) - y, [B,m].
        loss: Name of f(z), [B].
    """

    drawn: Emitted
    sensed: Emitted
    residual: str
    loss: str


def emit_objective(
    builder: GraphBuilder, generator: Program, sensing: Program, z: str, y: str
) -> Objective:
    """Add f at the value ``z`` for the measurement ``y``."""
    drawn = emit_forward(builder, generator, z)
    sensed = emit_forward(builder, sensing, drawn.output)
    residual = builder.add("Sub", [sensed.output, y], "residual")
    square = builder.add("Mul", [residual, residual])
    loss = builder.add("ReduceSum", [square, builder.integers([1], "axis")], keepdims=0)
    return Objective(drawn, sensed, residual, loss)


def emit_gradient(builder: GraphBuilder, objective: Objective) -> str:
    """Add J_G^T J_A^T 2 (A(G(z)) - y), [B,k], and return its name."""
    cotangent = builder.add("Mul", [objective.residual, builder.scalar(2.0, "two")])
    flowing = emit_adjoint(builder, objective.sensed, cotangent)
    return emit_adjoint(builder, objective.drawn, flowing)
