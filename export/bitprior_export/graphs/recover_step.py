"""One turn of the recovery loop: f and its gradient, a step, P_s, and what follows it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from onnx import GraphProto, TensorProto, ValueInfoProto, helper

from bitprior_export.graphs.builder import GraphBuilder
from bitprior_export.graphs.objective import emit_gradient, emit_objective
from bitprior_runtime.bundle.manifest import Projection
from bitprior_runtime.program import Program, Shape
from bitprior_runtime.solvers.latents import SMALLEST_NORM

# What a turn takes and gives to the next one.
STEP_INPUTS = ("t", "still_going", "step/z", "step/before", "step/stopped", "step/taken")
MOMENTUM_INPUTS = ("step/v", "step/theta")


@dataclass(frozen=True)
class StepRule:
    """What a step is.

    Attributes:
        sparsity: s of P_s; None for dense latents.
        projection: What the latent after P_s is scaled to.
        momentum: The gradient is taken at v, as the solver ``fista`` does; without projection.
    """

    sparsity: int | None = None
    projection: Projection = "none"
    momentum: bool = False


def emit_step(
    outer: GraphBuilder, generator: Program, sensing: Program, rule: StepRule
) -> GraphProto:
    """Return one turn: (t, going, z, f before, stopped, steps taken) -> the same, one step on.

    With momentum also (v, theta). Behind them comes f where the gradient was taken. The body reads
    y, beta and tolerance of the graph around it.
    """
    body = outer.body("step")
    names = STEP_INPUTS + (MOMENTUM_INPUTS if rule.momentum else ())
    t, going, z, before, stopped, taken, *momentum = (body.fresh(name) for name in names)
    point = momentum[0] if momentum else z
    objective = emit_objective(body, generator, sensing, point, "y")
    gradient = emit_gradient(body, objective)
    settled = body.add("Or", [stopped, _settled(body, t, before, objective.loss)], "step/settled")
    moved = body.add("Sub", [point, body.add("Mul", ["beta", gradient])], "step/moved")
    (k,) = generator.inputs.values()
    kept = _hard_threshold(body, moved, rule.sparsity, k)
    if rule.projection == "unit-sphere":
        kept = unit_sphere(body, kept)
    column = body.add("Unsqueeze", [settled, body.integers([1], "axis")])
    after = body.add("Where", [column, z, kept], "step/next_z")
    ran = body.add("Cast", [body.add("Not", [settled])], to=TensorProto.INT64)
    latent, each = (body.rows, *k), (body.rows,)
    outputs = [
        (_some_go_on(body, settled), TensorProto.BOOL, ()),
        (after, TensorProto.FLOAT, latent),
        (objective.loss, TensorProto.FLOAT, each),
        (settled, TensorProto.BOOL, each),
        (body.add("Add", [taken, ran], "step/next_taken"), TensorProto.INT64, each),
    ]
    inputs = [
        (t, TensorProto.INT64, ()),
        (going, TensorProto.BOOL, ()),
        (z, TensorProto.FLOAT, latent),
        (before, TensorProto.FLOAT, each),
        (stopped, TensorProto.BOOL, each),
        (taken, TensorProto.INT64, each),
    ]
    if momentum:
        v, theta = momentum
        rose = body.add("Greater", [objective.loss, before])
        ahead, grown = _extrapolate(body, z, v, theta, kept, rose)
        outputs += [
            (body.add("Where", [column, z, ahead], "step/next_v"), TensorProto.FLOAT, latent),
            (grown, TensorProto.FLOAT, (body.rows, 1)),
        ]
        inputs += [(v, TensorProto.FLOAT, latent), (theta, TensorProto.FLOAT, (body.rows, 1))]
    loss = body.add("Identity", [objective.loss], "step/loss")
    outputs.append((loss, TensorProto.FLOAT, each))
    return helper.make_graph(body.nodes, body.name, _values(inputs), _values(outputs))


def unit_sphere(builder: GraphBuilder, z: str) -> str:
    """Scale every row to unit norm, as ``unit_sphere`` does; a row of zeros stays."""
    square = builder.add("Mul", [z, z])
    axis = builder.integers([1], "axis")
    norm = builder.add("Sqrt", [builder.add("ReduceSum", [square, axis], keepdims=1)])
    least = builder.scalar(SMALLEST_NORM, "smallest_norm")
    return builder.add("Div", [z, builder.add("Max", [norm, least])])


def _extrapolate(
    body: GraphBuilder, z: str, v: str, theta: str, after: str, rose: str
) -> tuple[str, str]:
    """Return the next v and theta, as ``Momentum`` of the solvers has them."""
    one, axis = body.scalar(1.0, "one"), body.integers([1], "axis")
    move = body.add("Sub", [after, z])
    along = body.add("Mul", [body.add("Sub", [v, after]), move])
    inner = body.add("ReduceSum", [along, axis], keepdims=1)
    against = body.add("Greater", [inner, body.scalar(0.0, "zero")])
    uphill = body.add("Or", [against, body.add("Unsqueeze", [rose, axis])], "step/uphill")
    begun = body.add("Where", [uphill, one, theta])
    square = body.add("Mul", [body.add("Mul", [body.scalar(4.0, "four"), begun]), begun])
    root = body.add("Sqrt", [body.add("Add", [one, square])])
    grown = body.add(
        "Div", [body.add("Add", [one, root]), body.scalar(2.0, "two")], "step/next_theta"
    )
    share = body.add("Div", [body.add("Sub", [begun, one]), grown])
    return body.add("Add", [after, body.add("Mul", [share, move])], "step/ahead"), grown


def _settled(body: GraphBuilder, t: str, before: str, now: str) -> str:
    """|before - now| <= tolerance before, [B]; never in the first turn or with tolerance 0."""
    change = body.add("Abs", [body.add("Sub", [before, now])])
    small = body.add("LessOrEqual", [change, body.add("Mul", ["tolerance", before])])
    later = body.add("Greater", [t, body.constant(np.array(0, dtype=np.int64), "first_turn")])
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


def _some_go_on(body: GraphBuilder, stopped: str) -> str:
    # ReduceMin takes no booleans before opset 20.
    numbers = body.add("Cast", [stopped], to=TensorProto.FLOAT)
    least = body.add("ReduceMin", [numbers], keepdims=0)
    return body.add("Not", [body.add("Cast", [least], to=TensorProto.BOOL)])


def _values(entries: Sequence[tuple[str, int, Sequence[int | str]]]) -> list[ValueInfoProto]:
    return [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in entries]
