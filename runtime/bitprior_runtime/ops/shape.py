"""Reshape and Flatten: the values stay, the axes change."""

import math
from collections.abc import Sequence
from typing import cast

from bitprior_runtime.ops.base import Array, Attributes, Op, Operand, refuse, take
from bitprior_runtime.program import Shape


def _reshape_infer(operands: Sequence[Operand], attributes: Attributes) -> Shape:
    (operand,) = take(operands, 1, 1, "Reshape")
    target = cast(Shape, attributes["shape"])
    if operand.constant:
        raise refuse("Reshape of an activation", "a constant")
    if not target or any(size < 1 for size in target):
        raise refuse("Reshape to sizes of at least 1", f"{target}")
    if math.prod(target) != math.prod(operand.shape):
        raise refuse(f"Reshape of {operand.shape} to as many values", f"{target}")
    return target


def _reshape(inputs: Sequence[Array], attributes: Attributes) -> Array:
    return inputs[0].reshape(inputs[0].shape[0], *cast(Shape, attributes["shape"]))


def _flatten_infer(operands: Sequence[Operand], attributes: Attributes) -> Shape:
    (operand,) = take(operands, 1, 1, "Flatten")
    if operand.constant:
        raise refuse("Flatten of an activation", "a constant")
    if attributes["axis"] != 1:
        raise refuse("Flatten with axis = 1", f"axis = {attributes['axis']}")
    return (math.prod(operand.shape),)


def _flatten(inputs: Sequence[Array], attributes: Attributes) -> Array:
    return inputs[0].reshape(inputs[0].shape[0], -1)


def _vjp(
    cotangent: Array, inputs: Sequence[Array], output: Array, attributes: Attributes, index: int
) -> Array:
    return cotangent.reshape(inputs[0].shape)


OPS = {
    # ONNX gives the target as a tensor with the batch in it; a program, as an attribute without.
    "Reshape": Op(_reshape_infer, _reshape, _vjp, {"shape": ()}),
    "Flatten": Op(_flatten_infer, _flatten, _vjp, {"axis": 1}),
}
