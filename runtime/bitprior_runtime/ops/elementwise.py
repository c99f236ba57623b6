"""Add, Sub, Mul and Div with ONNX (numpy) broadcasting."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

import numpy as np

from bitprior_runtime.ops.base import Array, Attributes, Op, Operand, refuse, take
from bitprior_runtime.program import Shape


def _infer(name: str, operands: Sequence[Operand], attributes: Attributes) -> Shape:
    pair = take(operands, 2, 2, name)
    if all(operand.constant for operand in pair):
        raise refuse(f"{name} of at least one activation", "two constants")
    if not any(operand.constant for operand in pair) and len(pair[0].shape) != len(pair[1].shape):
        # Broadcasting would align the batch of one with another axis of the other.
        raise refuse(f"{name} of activations of one rank", f"{pair[0].shape}, {pair[1].shape}")
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
    """Sum the cotangent over the axes along which the activation ``like`` was repeated."""
    repeated = tuple(
        axis for axis, size in enumerate(like.shape) if size == 1 != cotangent.shape[axis]
    )
    return cotangent.sum(axis=repeated, keepdims=True) if repeated else cotangent


def _forward(ufunc: np.ufunc, inputs: Sequence[Array], attributes: Attributes) -> Array:
    output: Array = ufunc(inputs[0], inputs[1])
    return output


# (cotangent, inputs, output, index) -> cotangent of that input, before it is summed back
Rule: TypeAlias = Callable[[Array, Sequence[Array], Array, int], Array]


def _vjp(
    rule: Rule,
    cotangent: Array,
    inputs: Sequence[Array],
    output: Array,
    attributes: Attributes,
    index: int,
) -> Array:
    return _unbroadcast(rule(cotangent, inputs, output, index), inputs[index])


def _add_rule(cotangent: Array, inputs: Sequence[Array], output: Array, index: int) -> Array:
    return cotangent


def _sub_rule(cotangent: Array, inputs: Sequence[Array], output: Array, index: int) -> Array:
    return cotangent if index == 0 else -cotangent


def _mul_rule(cotangent: Array, inputs: Sequence[Array], output: Array, index: int) -> Array:
    return cotangent * inputs[1 - index]


def _div_rule(cotangent: Array, inputs: Sequence[Array], output: Array, index: int) -> Array:
    quotient: Array = cotangent / inputs[1]
    return quotient if index == 0 else -quotient * output


def _op(name: str, ufunc: np.ufunc, rule: Rule) -> Op:
    return Op(partial(_infer, name), partial(_forward, ufunc), partial(_vjp, rule), {})


OPS = {
    "Add": _op("Add", np.add, _add_rule),
    "Sub": _op("Sub", np.subtract, _sub_rule),
    "Mul": _op("Mul", np.multiply, _mul_rule),
    "Div": _op("Div", np.divide, _div_rule),
}
