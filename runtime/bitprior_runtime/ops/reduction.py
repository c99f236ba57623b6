"""ReduceSum, ReduceMean and GlobalAveragePool: sums and means over axes other than the batch."""

import math
from collections.abc import Sequence
from functools import partial
from typing import cast

import numpy as np

from bitprior_runtime.ops.base import Array, Attributes, Op, Operand, refuse, take
from bitprior_runtime.program import Attribute, Shape

# ONNX gives the axes as a tensor; a program, as an attribute, the batch counted as 0.
_DEFAULTS: dict[str, Attribute] = {"axes": (), "keepdims": 1}


def _infer(name: str, operands: Sequence[Operand], attributes: Attributes) -> Shape:
    (operand,) = take(operands, 1, 1, name)
    axes, rank = cast(Shape, attributes["axes"]), len(operand.shape)
    if operand.constant:
        raise refuse(f"{name} of an activation", "a constant")
    if not axes or len(set(axes)) != len(axes) or not all(1 <= axis <= rank for axis in axes):
        raise refuse(f"{name} with one or more different axes in 1..{rank}", f"{axes}")
    kept = reduced_shape(operand.shape, axes)
    if attributes["keepdims"]:
        return kept
    return tuple(size for axis, size in enumerate(kept, 1) if axis not in axes)


def reduced_shape(shape: Shape, axes: Shape) -> Shape:
    """Return ``shape`` (without the batch axis) with size 1 on every axis summed over."""
    return tuple(1 if axis in axes else size for axis, size in enumerate(shape, 1))


def factor(name: str, shape: Shape, axes: Shape) -> float:
    """Return what the sum over ``axes`` is multiplied by: 1, or 1 / count for a mean."""
    if name == "ReduceSum":
        return 1.0
    return 1 / math.prod(shape[axis - 1] for axis in axes)


def _forward(name: str, inputs: Sequence[Array], attributes: Attributes) -> Array:
    axes, keepdims = cast(Shape, attributes["axes"]), bool(attributes["keepdims"])
    reduce = np.sum if name == "ReduceSum" else np.mean
    return cast(Array, reduce(inputs[0], axis=axes, keepdims=keepdims))


def _vjp(
    name: str,
    cotangent: Array,
    inputs: Sequence[Array],
    output: Array,
    attributes: Attributes,
    index: int,
) -> Array:
    axes, shape = cast(Shape, attributes["axes"]), inputs[0].shape
    spread = cotangent.reshape(shape[0], *reduced_shape(shape[1:], axes))
    weight = np.full((1, *shape[1:]), factor(name, shape[1:], axes), dtype=cotangent.dtype)
    return spread * weight


def spatial_axes(shape: Shape) -> Shape:
    """Return the axes behind the batch and the channels of an activation [C, ...]."""
    return tuple(range(2, len(shape) + 1))


def _pool_infer(operands: Sequence[Operand], attributes: Attributes) -> Shape:
    (operand,) = take(operands, 1, 1, "GlobalAveragePool")
    if operand.constant or len(operand.shape) < 2:
        raise refuse("GlobalAveragePool of an activation [batch, C, ...]", f"shape {operand.shape}")
    return reduced_shape(operand.shape, spatial_axes(operand.shape))


def _as_mean(x: Array) -> Attributes:
    return {"axes": spatial_axes(x.shape[1:]), "keepdims": 1}


def _pool(inputs: Sequence[Array], attributes: Attributes) -> Array:
    return _forward("ReduceMean", inputs, _as_mean(inputs[0]))


def _pool_vjp(
    cotangent: Array, inputs: Sequence[Array], output: Array, attributes: Attributes, index: int
) -> Array:
    return _vjp("ReduceMean", cotangent, inputs, output, _as_mean(inputs[0]), index)


def _op(name: str) -> Op:
    return Op(partial(_infer, name), partial(_forward, name), partial(_vjp, name), _DEFAULTS)


OPS = {
    "ReduceSum": _op("ReduceSum"),
    "ReduceMean": _op("ReduceMean"),
    "GlobalAveragePool": Op(_pool_infer, _pool, _pool_vjp, {}),
}
