"""Sums, products with constants, and functions of two straight pieces."""

import math
from functools import partial

import numpy as np

from bitprior_runtime.integer.lowering.call import Call, Lowered, Rule, element_order
from bitprior_runtime.integer.real import Floats, RealElementwise, RealGather, RealNode, Term
from bitprior_runtime.program import Shape

_ONE = np.ones(1)
_ZERO = np.zeros(1)


def by_channel(values: Floats, shape: Shape) -> tuple[Floats, int]:
    """Return values of a broadcast constant as [channels], and how many elements share one.

    Args:
        values: A constant of rank at most that of [1, *shape] that broadcasts to it.
        shape: Of the output, without the batch axis.
    """
    full = np.broadcast_to(values, (1, *shape))[0]
    if values.size == 1:
        return full.reshape(-1)[:1].copy(), 1
    # A constant that varies along one axis only has a value a channel.
    kept = [axis for axis, stride in enumerate(full.strides) if stride and shape[axis] > 1]
    if len(kept) == 1:
        inner = math.prod(shape[kept[0] + 1 :])
        channel = full.reshape(-1, shape[kept[0]], inner)[0, :, 0]
        return channel.copy(), inner
    return full.reshape(-1).copy(), 1


def _sum(call: Call, signs: tuple[float, float]) -> Lowered:
    constants = [name in call.tensors for name in call.node.inputs]
    if not any(constants):
        return _sum_of_two(call, signs)
    position = constants.index(True)
    offset, inner = by_channel(call.constant(position), call.shape)
    factor = np.full(len(offset), signs[1 - position])
    nodes, source = _spread(call, 1 - position, 0)
    term = Term(source, factor, factor)
    node = RealElementwise(
        call.node.output, (term,), call.node.output, signs[position] * offset, inner
    )
    return [*nodes, node]


def _sum_of_two(call: Call, signs: tuple[float, float]) -> Lowered:
    nodes: list[RealNode] = []
    terms = []
    for position, sign in enumerate(signs):
        more, source = _spread(call, position, position)
        nodes += more
        terms.append(Term(source, sign * _ONE, sign * _ONE))
    return [*nodes, RealElementwise(call.node.output, tuple(terms), call.node.output, _ZERO, 1)]


def _spread(call: Call, position: int, source: int) -> tuple[list[RealNode], str]:
    """Repeat an activation along the axes in which it is shorter than the output."""
    name, held = call.node.inputs[position], call.sources[source]
    shape = call.shapes[name]
    if math.prod(shape) == math.prod(call.shape):
        return [], held
    order = np.broadcast_to(element_order(shape), call.shape).reshape(-1, 1)
    target = f"{call.node.output}#{position}"
    return [RealGather(target, held, target, order.astype(np.int32))], target


def _product(call: Call) -> Lowered:
    constants = [name in call.tensors for name in call.node.inputs]
    if not any(constants):
        raise call.refuse("Mul by a constant", "a product of two activations")
    position = constants.index(True)
    return _scaled(call, call.constant(position), 1 - position)


def _quotient(call: Call) -> Lowered:
    if call.node.inputs[1] not in call.tensors:
        raise call.refuse("Div by a constant", "a quotient of activations")
    divisor = call.constant(1)
    if not divisor.all():
        raise call.refuse("Div by constants other than 0", "a 0")
    return _scaled(call, 1.0 / divisor, 0)


def _scaled(call: Call, values: Floats, position: int) -> Lowered:
    factor, inner = by_channel(values, call.shape)
    nodes, source = _spread(call, position, 0)
    term = Term(source, factor, factor)
    name = call.node.output
    return [*nodes, RealElementwise(name, (term,), name, np.zeros(len(factor)), inner)]


def _pieces(call: Call, positive: float, negative: float) -> Lowered:
    term = Term(call.source, positive * _ONE, negative * _ONE)
    return [RealElementwise(call.node.output, (term,), call.node.output, _ZERO, 1)]


def _prelu(call: Call) -> Lowered:
    slope, inner = by_channel(call.constant(1), call.shape)
    term = Term(call.source, np.ones(len(slope)), slope)
    zero = np.zeros(len(slope))
    return [RealElementwise(call.node.output, (term,), call.node.output, zero, inner)]


def _clip(call: Call) -> Lowered:
    return _clipped(call, 1.0, 0.0, call.number("min"), call.number("max"))


def _hard_sigmoid(call: Call) -> Lowered:
    return _clipped(call, call.number("alpha"), call.number("beta"), 0.0, 1.0)


def _clipped(call: Call, factor: float, offset: float, low: float, high: float) -> Lowered:
    name = call.node.output
    term = Term(call.source, factor * _ONE, factor * _ONE)
    return [RealElementwise(name, (term,), name, offset * _ONE, 1, low, high)]


RULES: dict[str, Rule] = {
    "Abs": partial(_pieces, positive=1.0, negative=-1.0),
    "Add": partial(_sum, signs=(1.0, 1.0)),
    "Clip": _clip,
    "Div": _quotient,
    "HardSigmoid": _hard_sigmoid,
    "LeakyRelu": lambda call: _pieces(call, 1.0, call.number("alpha")),
    "Mul": _product,
    "Neg": partial(_pieces, positive=-1.0, negative=-1.0),
    "PRelu": _prelu,
    "Relu": partial(_pieces, positive=1.0, negative=0.0),
    "Sub": partial(_sum, signs=(1.0, -1.0)),
}
