"""Functions of one activation, value by value: the cotangent of the input is cotangent * f'(x)."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

from bitprior_runtime.ops.base import Array, Attributes, Op, Operand, refuse, take
from bitprior_runtime.program import Attribute, Shape

Function: TypeAlias = Callable[[Array, Attributes], Array]
# (x, f(x), attributes) -> f'(x)
Slope: TypeAlias = Callable[[Array, Array, Attributes], Array]


def infer_unary(name: str, operands: Sequence[Operand], attributes: Attributes) -> Shape:
    """Check for one activation as the only input; the output has its shape."""
    (operand,) = take(operands, 1, 1, name)
    if operand.constant:
        raise refuse(f"{name} of an activation", "a constant")
    return operand.shape


def _forward(function: Function, inputs: Sequence[Array], attributes: Attributes) -> Array:
    return function(inputs[0], attributes)


def _vjp(
    slope: Slope,
    cotangent: Array,
    inputs: Sequence[Array],
    output: Array,
    attributes: Attributes,
    index: int,
) -> Array:
    return cotangent * slope(inputs[0], output, attributes)


def unary(
    name: str, function: Function, slope: Slope, attributes: dict[str, Attribute] | None = None
) -> Op:
    """Make an op of a function and its derivative."""
    return Op(
        partial(infer_unary, name),
        partial(_forward, function),
        partial(_vjp, slope),
        attributes or {},
    )
