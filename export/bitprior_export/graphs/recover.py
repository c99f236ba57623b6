"""A whole recovery as one ONNX graph: ``bitprior_runtime.solvers.proximal`` in a Loop."""

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import TensorProto, helper

from bitprior_export.graphs.builder import GraphBuilder
from bitprior_export.graphs.form import PORTABLE, Form
from bitprior_export.graphs.objective import emit_objective
from bitprior_export.graphs.recover_step import StepRule, emit_step, unit_sphere
from bitprior_runtime.program import Program
from bitprior_runtime.shapes import infer_shapes

SCALARS = {
    "beta": TensorProto.FLOAT,
    "max_steps": TensorProto.INT64,
    "tolerance": TensorProto.FLOAT,
}
_RESULTS = ("image", "loss", "history", "steps")
# f before the first step: no loss has risen above it.
_LARGEST = float(np.finfo(np.float32).max)


def build_recover(
    generator: Program,
    sensing: Program,
    rule: StepRule,
    metadata: Mapping[str, str],
    form: Form = PORTABLE,
) -> onnx.ModelProto:
    """Return (y, z0, beta, max_steps, tolerance) -> (image, z, loss, history, steps).

    z <- P_s(z - beta grad f(z)), or the same with momentum, max_steps times or until every row has
    stopped; a row stops where f changes by at most ``tolerance`` of itself, and keeps its latent.
    y is [B,m], z0 and z are [B,k], beta and tolerance float32 scalars, max_steps an int64 scalar,
    loss is f(z), [B], history f before each step taken and at the end, [steps taken + 1, B], and
    steps how many each row took, int64 [B].

    Args:
        generator: Program z -> x.
        sensing: Program x -> y.
        rule: What a step is.
        metadata: What the file says about itself.
        form: Versions and batch.
    """
    builder = GraphBuilder("recover", form)
    y, z0 = builder.fresh("y"), builder.fresh("z0")
    for name in (*SCALARS, *_RESULTS):  # theirs before any node's
        builder.fresh(name)
    step = emit_step(builder, generator, sensing, rule)
    start = unit_sphere(builder, z0) if rule.projection == "unit-sphere" else z0
    z, steps, losses = _loop(builder, step, start, momentum=rule.momentum)
    end = emit_objective(builder, generator, sensing, z, y)
    last = builder.add("Unsqueeze", [end.loss, builder.integers([0], "axis")])
    if rule.momentum:
        losses = _closed(builder, losses, steps, last)
    history = builder.add("Concat", [losses, last], axis=0)
    outputs = {"image": end.drawn.output, "z": z, "loss": end.loss, "history": history}
    for wanted, name in (outputs | {"steps": steps}).items():
        builder.rename_output(name, wanted)
    (k,) = generator.inputs.values()
    image, m = infer_shapes(generator)[generator.output], infer_shapes(sensing)[sensing.output]
    described = {name: helper.make_tensor_value_info(name, t, []) for name, t in SCALARS.items()}
    past = helper.make_tensor_value_info("history", TensorProto.FLOAT, ["steps", builder.rows])
    taken = helper.make_tensor_value_info("steps", TensorProto.INT64, [builder.rows])
    return builder.model(
        {"y": m, "z0": k, **described},
        {"image": image, "z": k, "loss": (), "history": past, "steps": taken},
        metadata,
    )


def _loop(
    builder: GraphBuilder, step: onnx.GraphProto, start: str, *, momentum: bool
) -> tuple[str, str, str]:
    """Add the loop; return z, steps taken and losses [turns, B]."""
    rows = _first(builder, builder.add("Shape", [start]))
    going = builder.constant(np.array(True), "going")
    state = [
        start,
        _filled(builder, rows, "no_loss", TensorProto.FLOAT, _LARGEST),
        _filled(builder, rows, "none_stopped", TensorProto.BOOL, False),
        _filled(builder, rows, "none_taken", TensorProto.INT64, 0),
    ]
    stems = ["last_z", "last_loss", "last_stopped", "taken"]
    if momentum:
        column = builder.add("Concat", [rows, builder.integers([1], "one_each")], axis=0)
        state += [start, _filled(builder, column, "first_theta", TensorProto.FLOAT, 1.0)]
        stems += ["last_v", "last_theta"]
    found = builder.add_many("Loop", ["max_steps", going, *state], [*stems, "losses"], body=step)
    return found[0], found[3], found[-1]


def _closed(builder: GraphBuilder, losses: str, steps: str, last: str) -> str:
    """Put f(z) where a row had stopped: the loop knows f only where it takes the gradient."""
    first, axis = builder.integers([0], "axis"), builder.integers([1], "axis")
    turns = builder.add("Squeeze", [_first(builder, builder.add("Shape", [losses])), first])
    zero, one = (builder.constant(np.array(n, dtype=np.int64), "turn") for n in (0, 1))
    turn = builder.add("Unsqueeze", [builder.add("Range", [zero, turns, one]), axis])
    row = builder.add("Unsqueeze", [steps, first])
    return builder.add("Where", [builder.add("GreaterOrEqual", [turn, row]), last, losses])


def _filled(
    builder: GraphBuilder, shape: str, stem: str, kind: TensorProto.DataType, value: float
) -> str:
    tensor = helper.make_tensor(stem, kind, [1], [value])
    return builder.add("ConstantOfShape", [shape], stem, value=tensor)


def _first(builder: GraphBuilder, shape: str) -> str:
    ends = (builder.integers([edge], "edge") for edge in (0, 1))
    return builder.add("Slice", [shape, *ends], "rows")
