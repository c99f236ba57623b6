"""The graphs a board can run in any ONNX runtime."""

from collections.abc import Mapping

import onnx

from bitprior_export.graphs.adjoint import emit_adjoint
from bitprior_export.graphs.builder import GraphBuilder
from bitprior_export.graphs.forward import emit_forward
from bitprior_runtime.program import Program
from bitprior_runtime.shapes import infer_shapes


def build_generate(generator: Program, metadata: Mapping[str, str]) -> onnx.ModelProto:
    """Return z [B,k] -> image [B,C,H,W]."""
    return _build_forward("generate", generator, "z", "image", metadata)


def build_sense(sensing: Program, metadata: Mapping[str, str]) -> onnx.ModelProto:
    """Return x [B,C,H,W] -> y [B,m]."""
    return _build_forward("sense", sensing, "x", "y", metadata)


def build_gradient(
    generator: Program, sensing: Program, metadata: Mapping[str, str]
) -> onnx.ModelProto:
    """Return (z [B,k], y [B,m]) -> (loss [B], gradient [B,k], image [B,C,H,W]).

    loss = ||y - A(G(z))||^2 and its gradient J_G^T J_A^T 2 (A(G(z)) - y), as inference ops alone.
    """
    builder = GraphBuilder("gradient")
    z, y = builder.fresh("z"), builder.fresh("y")
    drawn = emit_forward(builder, generator, z)
    sensed = emit_forward(builder, sensing, drawn.output)
    residual = builder.add("Sub", [sensed.output, y], "residual")
    square = builder.add("Mul", [residual, residual])
    axis = builder.integers([1], "axis")
    loss = builder.add("ReduceSum", [square, axis], keepdims=0)
    cotangent = builder.add("Mul", [residual, builder.scalar(2.0, "two")])
    gradient = emit_adjoint(builder, drawn, emit_adjoint(builder, sensed, cotangent))
    outputs = {"loss": loss, "gradient": gradient, "image": drawn.output}
    for wanted, name in outputs.items():
        builder.rename_output(name, wanted)
    (k,) = generator.inputs.values()
    m = infer_shapes(sensing)[sensing.output]
    image = infer_shapes(generator)[generator.output]
    return builder.model({"z": k, "y": m}, {"loss": (), "gradient": k, "image": image}, metadata)


def _build_forward(
    name: str, program: Program, source: str, target: str, metadata: Mapping[str, str]
) -> onnx.ModelProto:
    builder = GraphBuilder(name)
    emitted = emit_forward(builder, program, builder.fresh(source))
    builder.rename_output(emitted.output, target)
    (shape,) = program.inputs.values()
    return builder.model({source: shape}, {target: emitted.shapes[program.output]}, metadata)
