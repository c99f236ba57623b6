"""Nodes that compute constants from constants: weights on their way to a layer, and shapes."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from onnx import NodeProto, helper, numpy_helper

from bitprior_export.qonnx.site import BATCH_MARK, STANDARD, Site
from bitprior_export.qonnx.values import Array, UnfitError

# Values that all folded tensors of a graph may have together, and what each stored value adds to
# that: a few nodes could make small tensors huge.
FOLDED_VALUES = 2**22
FOLDED_VALUES_PER_STORED = 16
_NUMBERS = "iufb"


def is_shape(node: NodeProto) -> bool:
    """Return whether ``node`` asks for the shape of a tensor, which is known."""
    return node.op_type == "Shape" and node.domain in STANDARD


def fold_shape(site: Site) -> Array:
    """Return the shape of an activation, with BATCH_MARK for its batch."""
    sizes = [BATCH_MARK, *site.shape()]
    start, end = site.attribute("start", 0), site.attribute("end", len(sizes))
    return np.array(sizes[start:end], dtype=np.int64)


def is_foldable(node: NodeProto) -> bool:
    """Return whether ``node`` can be computed here if all its inputs are constants."""
    return node.domain in STANDARD and node.op_type in _FOLDS and len(node.output) == 1


def fold(site: Site, budget: int) -> Array:
    """Return what a node makes of constants.

    Args:
        site: The node; all its inputs are constants.
        budget: Values it may make.

    Raises:
        UnfitError: More values, values that are no numbers, or inputs that do not fit.
    """
    try:
        with np.errstate(all="ignore"):
            value = np.asarray(_FOLDS[site.op](site, budget))
    except (ValueError, LookupError, TypeError, ArithmeticError) as error:
        raise UnfitError(f"its constants do not fit: {str(error)[:80]}") from error
    if value.dtype.kind not in _NUMBERS or value.size > budget:
        raise UnfitError(f"{value.size} values of {value.dtype}")
    return value


def _check_size(shape: tuple[int, ...], budget: int) -> None:
    # Before numpy allocates it.
    if min(shape, default=0) < 0 or math.prod(shape) > budget:
        raise UnfitError(f"a constant of shape {shape[:8]}")


def _elementwise(rule: Callable[..., Any]) -> Callable[[Site, int], Any]:
    def apply(site: Site, budget: int) -> Any:
        values = [site.constant(index) for index in range(len(site.inputs))]
        _check_size(np.broadcast_shapes(*(value.shape for value in values)), budget)
        return np.asarray(rule(*values))

    return apply


def _divide(a: Array, b: Array) -> Array:
    # ONNX cuts towards zero, as C does.
    if a.dtype.kind in "iu":
        return np.asarray(np.trunc(a / b)).astype(a.dtype)
    return np.asarray(a / b)


def _power(a: Array, b: Array) -> Array:
    return np.asarray(np.power(a, b.astype(a.dtype)))


def _gather(site: Site, budget: int) -> Any:
    data, indices = site.constant(0), site.constant(1)
    axis = site.attribute("axis", 0)
    rest = data.shape[:axis] + data.shape[axis:][1:]
    _check_size((*rest, *indices.shape), budget)
    return np.take(data, indices, axis=axis)


def _concat(site: Site, budget: int) -> Any:
    values = [site.constant(index) for index in range(len(site.inputs))]
    _check_size((sum(value.size for value in values),), budget)
    return np.concatenate(values, axis=site.attribute("axis"))


def _slice(site: Site, budget: int) -> Any:
    data, starts, ends = site.constant(0), site.integers(1), site.integers(2)
    axes = site.integers(3) if site.has(3) else tuple(range(len(starts)))
    steps = site.integers(4) if site.has(4) else (1,) * len(starts)
    cut = [slice(None)] * data.ndim
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        # -1 behind the first value is out of range for ONNX, and the last value for Python.
        low = -data.shape[axis] - 1
        stop = None if step < 0 and end <= low else end
        cut[axis] = slice(start, stop, step)
    return data[tuple(cut)]


def _axes(site: Site) -> tuple[int, ...] | None:
    if site.has(1):
        return site.integers(1)
    axes: tuple[int, ...] | None = site.attribute("axes")
    return axes


def _unsqueeze(site: Site, budget: int) -> Any:
    return np.expand_dims(site.constant(0), _axes(site) or ())


def _squeeze(site: Site, budget: int) -> Any:
    return np.squeeze(site.constant(0), _axes(site))


def _reshape(site: Site, budget: int) -> Any:
    data, target = site.constant(0), site.integers(1)
    if site.attribute("allowzero", 0):
        return data.reshape(target)
    return data.reshape([size or data.shape[axis] for axis, size in enumerate(target)])


def _flatten(site: Site, budget: int) -> Any:
    data, axis = site.constant(0), site.attribute("axis", 1)
    return data.reshape(math.prod(data.shape[:axis]), -1)


def _transpose(site: Site, budget: int) -> Any:
    return np.transpose(site.constant(0), site.attribute("perm"))


def _cast(site: Site, budget: int) -> Any:
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(site.attribute("to")))
    if dtype.kind not in _NUMBERS:
        raise UnfitError(f"a cast to {dtype}")
    return site.constant(0).astype(dtype)


def _expand(site: Site, budget: int) -> Any:
    shape = np.broadcast_shapes(site.constant(0).shape, site.integers(1))
    _check_size(shape, budget)
    return np.broadcast_to(site.constant(0), shape)


def _constant_of_shape(site: Site, budget: int) -> Any:
    shape = site.integers(0)
    _check_size(shape, budget)
    filling = [numpy_helper.to_array(entry.t) for entry in site.node.attribute]
    return np.full(shape, filling[0].reshape(-1)[0] if filling else np.float32(0))


def _reduce_product(site: Site, budget: int) -> Any:
    keep = bool(site.attribute("keepdims", 1))
    return np.prod(site.constant(0), axis=_axes(site), keepdims=keep, dtype=np.int64)


def _shape(site: Site, budget: int) -> Any:
    shape = site.constant(0).shape
    start, end = site.attribute("start", 0), site.attribute("end", len(shape))
    return np.array(shape[start:end], dtype=np.int64)


def _range(site: Site, budget: int) -> Any:
    start, limit, delta = (site.constant(index) for index in range(3))
    count = max(0, math.ceil((float(limit) - float(start)) / float(delta)))
    _check_size((count,), budget)
    return (start + np.arange(count) * delta).astype(start.dtype)


_FOLDS: Mapping[str, Callable[[Site, int], Any]] = {
    "Abs": _elementwise(np.abs),
    "Add": _elementwise(np.add),
    "Cast": _cast,
    "Ceil": _elementwise(np.ceil),
    "Concat": _concat,
    "ConstantOfShape": _constant_of_shape,
    "Div": _elementwise(_divide),
    "Equal": _elementwise(np.equal),
    "Exp": _elementwise(np.exp),
    "Expand": _expand,
    "Flatten": _flatten,
    "Floor": _elementwise(np.floor),
    "Gather": _gather,
    "Greater": _elementwise(np.greater),
    "Identity": lambda site, budget: site.constant(0),
    "Less": _elementwise(np.less),
    "Max": _elementwise(lambda *values: np.max(np.broadcast_arrays(*values), axis=0)),
    "Min": _elementwise(lambda *values: np.min(np.broadcast_arrays(*values), axis=0)),
    "Mod": _elementwise(np.mod),
    "Mul": _elementwise(np.multiply),
    "Neg": _elementwise(np.negative),
    "Pow": _elementwise(_power),
    "Range": _range,
    "Reciprocal": _elementwise(np.reciprocal),
    "ReduceProd": _reduce_product,
    "Reshape": _reshape,
    "Shape": _shape,
    "Slice": _slice,
    "Sqrt": _elementwise(np.sqrt),
    "Squeeze": _squeeze,
    "Sub": _elementwise(np.subtract),
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "Where": _elementwise(np.where),
}
