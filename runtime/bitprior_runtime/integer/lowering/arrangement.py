"""Ops that move elements, and sums and means of several: all of them tables of indices."""

import math
from functools import partial
from typing import cast

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.integer.lowering.call import Call, Lowered, Rule, element_order
from bitprior_runtime.integer.real import RealElementwise, RealGather, RealNode, Term
from bitprior_runtime.ops import OPS


def _same(call: Call) -> Lowered:
    return call.source


def _selection(call: Call) -> Lowered:
    """Run the op on the places of its input's elements, from 1 on: a 0 is a zero put in."""
    places = element_order(call.source_shape).astype(np.float64) + 1
    taken = OPS[call.node.op].forward([places[np.newaxis]], call.attributes)
    return [_gather(call, call.source, call.node.output, taken.reshape(-1, 1) - 1)]


def _resize(call: Call) -> Lowered:
    if call.attributes["mode"] != "nearest":
        raise call.refuse("Resize with mode 'nearest'", f"{call.attributes['mode']!r}")
    return _selection(call)


def _pad(call: Call) -> Lowered:
    mode, value = call.attributes["mode"], call.attributes["value"]
    if mode == "constant" and value != 0:
        raise call.refuse("Pad with zeros, or by reflection or repetition", f"value {value}")
    return _selection(call)


def _concat(call: Call) -> Lowered:
    """Put each input in its place among zeros, and add them up."""
    axis = cast(int, call.attributes["axis"]) - 1
    nodes: list[RealNode] = []
    terms = []
    begin = 0
    for position, (name, held) in enumerate(zip(call.node.inputs, call.sources, strict=True)):
        shape = call.shapes[name]
        index = np.full(call.shape, -1, dtype=np.int64)
        index[(*[slice(None)] * axis, slice(begin, begin + shape[axis]))] = element_order(shape)
        begin += shape[axis]
        part = f"{call.node.output}#{position}"
        nodes.append(_gather(call, held, part, index.reshape(-1, 1)))
        terms.append(Term(part, np.ones(1), np.ones(1)))
    total = call.node.output
    return [*nodes, RealElementwise(total, tuple(terms), total, np.zeros(1), 1)]


def _reduce(call: Call, mean: bool) -> Lowered:
    shape = call.source_shape
    axes = [axis - 1 for axis in call.integers("axes")]
    return _over(call, axes, 1.0 / math.prod(shape[axis] for axis in axes) if mean else 1.0)


def _global_average(call: Call) -> Lowered:
    _, *spatial = call.source_shape
    return _over(call, list(range(1, len(spatial) + 1)), 1.0 / math.prod(spatial))


def _over(call: Call, axes: list[int], factor: float) -> Lowered:
    order = np.moveaxis(element_order(call.source_shape), axes, range(-len(axes), 0))
    index = order.reshape(math.prod(call.shape), -1)
    return [_gather(call, call.source, call.node.output, index, np.array([factor]))]


def _average_pool(call: Call) -> Lowered:
    top, left, bottom, right = call.integers("pads")
    order = np.pad(
        element_order(call.source_shape),
        ((0, 0), (top, bottom), (left, right)),
        constant_values=-1,
    )
    kernel = cast(tuple[int, int], call.integers("kernel_shape"))
    down, across = call.integers("strides")
    windows = np.lib.stride_tricks.sliding_window_view(order, kernel, axis=(1, 2))
    index = windows[:, ::down, ::across].reshape(-1, math.prod(kernel))
    if call.attributes["count_include_pad"]:
        factor = np.array([1.0 / index.shape[1]])
    else:
        factor = 1.0 / np.count_nonzero(index >= 0, axis=1)
    return [_gather(call, call.source, call.node.output, index, factor)]


def _gather(
    call: Call,
    source: str,
    target: str,
    index: NDArray[np.int64] | NDArray[np.float64],
    factor: NDArray[np.float64] | None = None,
) -> RealGather:
    return RealGather(target, source, target, index.astype(np.int32), factor)


RULES: dict[str, Rule] = {
    "AveragePool": _average_pool,
    "Concat": _concat,
    "DepthToSpace": _selection,
    "Flatten": _same,
    "GlobalAveragePool": _global_average,
    "Identity": _same,
    "Pad": _pad,
    "ReduceMean": partial(_reduce, mean=True),
    "ReduceSum": partial(_reduce, mean=False),
    "Reshape": _same,
    "Resize": _resize,
    "Slice": _selection,
    "SpaceToDepth": _selection,
    "Transpose": _selection,
}
