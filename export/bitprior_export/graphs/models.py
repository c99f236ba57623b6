"""The graphs a board can run in any ONNX runtime."""

from collections.abc import Mapping

import onnx

from bitprior_export.graphs.builder import GraphBuilder
from bitprior_export.graphs.form import PORTABLE, Form
from bitprior_export.graphs.forward import emit_forward
from bitprior_export.graphs.objective import emit_gradient, emit_objective
from bitprior_runtime.program import Program


def build_generate(
    generator: Program, metadata: Mapping[str, str], form: Form = PORTABLE
) -> onnx.ModelProto:
    """Return z [B,k] -> image [B,C,H,W]."""
    return _build_forward("generate", generator, ("z", "image"), metadata, form)


def build_sense(
    sensing: Program, metadata: Mapping[str, str], form: Form = PORTABLE
) -> onnx.ModelProto:
    """Return x [B,C,H,W] -> y [B,m]."""
    return _build_forward("sense", sensing, ("x", "y"), metadata, form)


def build_gradient(
    generator: Program, sensing: Program, metadata: Mapping[str, str], form: Form = PORTABLE
) -> onnx.ModelProto:
    """Return (z [B,k], y [B,m]) -> (loss [B], gradient [B,k], image [B,C,H,W]).

    loss = ||y - A(G(z))||^2 and its gradient J_G^T J_A^T 2 (A(G(z)) - y), as inference ops alone.
    """
    builder = GraphBuilder("gradient", form)
    z, y = builder.fresh("z"), builder.fresh("y")
    objective = emit_objective(builder, generator, sensing, z, y)
    gradient = emit_gradient(builder, objective)
    drawn, sensed = objective.drawn, objective.sensed
    outputs = {"loss": objective.loss, "gradient": gradient, "image": drawn.output}
    for wanted, name in outputs.items():
        builder.rename_output(name, wanted)
    (k,) = generator.inputs.values()
    m, image = sensed.shapes[sensing.output], drawn.shapes[generator.output]
    return builder.model({"z": k, "y": m}, {"loss": (), "gradient": k, "image": image}, metadata)


def _build_forward(
    name: str, program: Program, ends: tuple[str, str], metadata: Mapping[str, str], form: Form
) -> onnx.ModelProto:
    source, target = ends
    builder = GraphBuilder(name, form)
    emitted = emit_forward(builder, program, builder.fresh(source))
    builder.rename_output(emitted.output, target)
    (shape,) = program.inputs.values()
    return builder.model({source: shape}, {target: emitted.shapes[program.output]}, metadata)
