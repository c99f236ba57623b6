"""A whole recovery as one ONNX graph: ``bitprior_runtime.solvers.proximal`` in a Loop."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, ValueInfoProto, helper

from bitprior_export.graphs.builder import GraphBuilder
from bitprior_export.graphs.form import PORTABLE, Form
from bitprior_export.graphs.objective import emit_gradient, emit_objective
from bitprior_runtime.bundle.manifest import Projection
from bitprior_runtime.program import Program, Shape
from bitprior_runtime.shapes import infer_shapes
from bitprior_runtime.solvers.latents import SMALLEST_NORM

SCALARS = {
    "beta": TensorProto.FLOAT,
    "max_steps": TensorProto.INT64,
    "tolerance": TensorProto.FLOAT,
}


def build_recover(
    generator: Program,
    sensing: Program,
    sparsity: int | None,
    metadata: Mapping[str, str],
    form: Form = PORTABLE,
    *,
    projection: Projection = "none",
) -> onnx.ModelProto:
    """Return (y, z0, beta, max_steps, tolerance) -> (image, z, loss, history).

    z <- P_s(z - beta grad f(z)), max_steps times or until every row has stopped; a row stops where
    f changes by at most ``tolerance`` of itself, and keeps its latent. y is [B,m], z0 and z are
    [B,k], beta and tolerance float32 scalars, max_steps an int64 scalar, loss is f(z), [B], and
    history f before each step taken and at the end, [steps taken + 1, B].

    Args:
        generator: Program z -> x.
        sensing: Program x -> y.
        sparsity: s of P_s; None for dense latents.
        metadata: What the file says about itself.
        form: Versions and batch.
        projection: What z0 and the latent after P_s are scaled to.
    """
    builder = GraphBuilder("recover", form)
    y, z0 = builder.fresh("y"), builder.fresh("z0")
    scalars = {name: builder.fresh(name) for name in SCALARS}
    (k,) = generator.inputs.values()
    on_sphere = projection == "unit-sphere"
    step = _emit_step(builder, generator, sensing, sparsity, k, on_sphere=on_sphere)
    start = _unit_sphere(builder, z0) if on_sphere else z0
    rows = _first(builder, builder.add("Shape", [z0]))
    going = builder.constant(_true(), "going")
    no_loss = builder.add("ConstantOfShape", [rows], "no_loss")
    none_stopped = builder.add(
        "ConstantOfShape",
        [rows],
        "none_stopped",
        value=helper.make_tensor("stopped", TensorProto.BOOL, [1], [False]),
    )
    stems = ("last_z", "last_loss", "last_stopped", "losses")
    z, _, _, losses = builder.add_many(
        "Loop", [scalars["max_steps"], going, start, no_loss, none_stopped], stems, body=step
    )
    end = emit_objective(builder, generator, sensing, z, y)
    last = builder.add("Unsqueeze", [end.loss, builder.integers([0], "axis")])
    history = builder.add("Concat", [losses, last], axis=0)
    outputs = {"image": end.drawn.output, "z": z, "loss": end.loss, "history": history}
    for wanted, name in outputs.items():
        builder.rename_output(name, wanted)
    image, m = infer_shapes(generator)[generator.output], infer_shapes(sensing)[sensing.output]
    described = {name: helper.make_tensor_value_info(name, t, []) for name, t in SCALARS.items()}
    past = helper.make_tensor_value_info("history", TensorProto.FLOAT, ["steps", builder.rows])
    return builder.model(
        {"y": m, "z0": k, **described},
        {"image": image, "z": k, "loss": (), "history": past},
        metadata,
    )


def _emit_step(
    outer: GraphBuilder,
    generator: Program,
    sensing: Program,
    sparsity: int | None,
    k: Shape,
    *,
    on_sphere: bool,
) -> onnx.GraphProto:
    """Return one turn of the loop: (t, going, z, f before, stopped) -> the same, one step on."""
    body = outer.body("step")
    t, going, z, before, stopped = (
        body.fresh(name) for name in ("t", "still_going", "step/z", "step/before", "step/stopped")
    )
    objective = emit_objective(body, generator, sensing, z, "y")
    gradient = emit_gradient(body, objective)
    settled = body.add("Or", [stopped, _settled(body, t, before, objective.loss)], "step/settled")
    move = body.add("Sub", [z, body.add("Mul", ["beta", gradient])], "step/moved")
    kept = _hard_threshold(body, move, sparsity, k)
    if on_sphere:
        kept = _unit_sphere(body, kept)
    column = body.add("Unsqueeze", [settled, body.integers([1], "axis")])
    after = body.add("Where", [column, z, kept], "step/next_z")
    outputs = [
        (_some_go_on(body, settled), TensorProto.BOOL, ()),
        (after, TensorProto.FLOAT, (body.rows, *k)),
        (objective.loss, TensorProto.FLOAT, (body.rows,)),
        (settled, TensorProto.BOOL, (body.rows,)),
        (body.add("Identity", [objective.loss], "step/loss"), TensorProto.FLOAT, (body.rows,)),
    ]
    inputs = [
        (t, TensorProto.INT64, ()),
        (going, TensorProto.BOOL, ()),
        (z, TensorProto.FLOAT, (body.rows, *k)),
        (before, TensorProto.FLOAT, (body.rows,)),
        (stopped, TensorProto.BOOL, (body.rows,)),
    ]
    return helper.make_graph(body.nodes, body.name, _values(inputs), _values(outputs))


def _settled(body: GraphBuilder, t: str, before: str, now: str) -> str:
    """|before - now| <= tolerance before, [B]; never in the first turn or with tolerance 0."""
    change = body.add("Abs", [body.add("Sub", [before, now])])
    small = body.add("LessOrEqual", [change, body.add("Mul", ["tolerance", before])])
    later = body.add("Greater", [t, _first_turn(body)])
    wanted = body.add("Greater", ["tolerance", body.scalar(0.0, "zero")])
    return body.add("And", [small, body.add("And", [later, wanted])])


def _hard_threshold(body: GraphBuilder, z: str, sparsity: int | None, k: Shape) -> str:
    """P_s; ONNX's TopK takes the lower index of equal values, as ``hard_threshold`` does."""
    if sparsity is None or sparsity >= k[-1]:
        return z
    size = body.integers([sparsity], "sparsity")
    _, largest = body.add_many("TopK", [body.add("Abs", [z]), size], ["top", "largest"], axis=-1)
    values = body.add("GatherElements", [z, largest], axis=-1)
    zeros = body.add("ConstantOfShape", [body.add("Shape", [z])])
    return body.add("ScatterElements", [zeros, largest, values], "step/kept", axis=-1)


def _unit_sphere(builder: GraphBuilder, z: str) -> str:
    """Scale every row to unit norm, as ``unit_sphere`` does; a row of zeros stays."""
    square = builder.add("Mul", [z, z])
    axis = builder.integers([1], "axis")
    norm = builder.add("Sqrt", [builder.add("ReduceSum", [square, axis], keepdims=1)])
    least = builder.scalar(SMALLEST_NORM, "smallest_norm")
    return builder.add("Div", [z, builder.add("Max", [norm, least])])


def _some_go_on(body: GraphBuilder, stopped: str) -> str:
    # ReduceMin takes no booleans before opset 20.
    numbers = body.add("Cast", [stopped], to=TensorProto.FLOAT)
    least = body.add("ReduceMin", [numbers], keepdims=0)
    return body.add("Not", [body.add("Cast", [least], to=TensorProto.BOOL)])


def _first(builder: GraphBuilder, shape: str) -> str:
    ends = (builder.integers([edge], "edge") for edge in (0, 1))
    return builder.add("Slice", [shape, *ends], "rows")


def _first_turn(body: GraphBuilder) -> str:
    return body.constant(np.array(0, dtype=np.int64), "first_turn")


def _true() -> NDArray[np.bool_]:
    return np.array(True)


def _values(entries: Sequence[tuple[str, int, Sequence[int | str]]]) -> list[ValueInfoProto]:
    return [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in entries]
