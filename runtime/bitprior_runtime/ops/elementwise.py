"""Add, Sub and Mul with ONNX (numpy) broadcasting."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from bitprior_runtime.ops.base import Array, Attributes, Op, Operand, refuse, take
from bitprior_runtime.program import Shape


def _infer(name: str, operands: Sequence[Operand], attributes: Attributes) -> Shape:
    pair = take(operands, 2, 2, name)
    if all(operand.constant for operand in pair):
        raise refuse(f"{name} of at least one activation", "two constants")
    full = [_with_batch(operand) for operand in pair]
    try:
        shape = np.broadcast_shapes(*full)
    except ValueError:
        raise refuse(
            f"{name} of shapes that broadcast", f"{pair[0].shape}, {pair[1].shape}"
        ) from None
    rank = max(len(_with_batch(operand)) for operand in pair if not operand.constant)
    if len(shape) != rank or shape[0] != 1:
        raise refuse(f"{name} that keeps the batch axis first", f"result shape {shape}")
    return tuple(shape[1:])


def _with_batch(operand: Operand) -> Shape:
    # A batch of one stands for any batch: a constant whose axis there is not 1 shows up.
    return operand.shape if operand.constant else (1, *operand.shape)


def _unbroadcast(cotangent: Array, like: Array) -> Array:
    """Sum the cotangent over the axes along which ``like`` was repeated."""
    while cotangent.ndim > like.ndim:
        cotangent = cotangent.sum(axis=0)
    for axis, size in enumerate(like.shape):
        if size == 1 and cotangent.shape[axis] != 1:
            cotangent = cotangent.sum(axis=axis, keepdims=True)
    return cotangent


def _forward(ufunc: np.ufunc, inputs: Sequence[Array], attributes: Attributes) -> Array:
    output: Array = ufunc(inputs[0], inputs[1])
    return output


def _vjp(
    rule: Callable[[Array, Array, int], Array],
    cotangent: Array,
    inputs: Sequence[Array],
    output: Array,
    attributes: Attributes,
    index: int,
) -> Array:
    return _unbroadcast(rule(cotangent, inputs[1 - index], index), inputs[index])


def _add_rule(cotangent: Array, other: Array, index: int) -> Array:
    return cotangent


def _sub_rule(cotangent: Array, other: Array, index: int) -> Array:
    return cotangent if index == 0 else -cotangent


def _mul_rule(cotangent: Array, other: Array, index: int) -> Array:
    return cotangent * other


def _op(name: str, ufunc: np.ufunc, rule: Callable[[Array, Array, int], Array]) -> Op:
    return Op(partial(_infer, name), partial(_forward, ufunc), partial(_vjp, rule), {})


OPS = {
    "Add": _op("Add", np.add, _add_rule),
    "Sub": _op("Sub", np.subtract, _sub_rule),
    "Mul": _op("Mul", np.multiply, _mul_rule),
}
