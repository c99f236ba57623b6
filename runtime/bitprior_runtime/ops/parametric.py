"""PRelu and Pow: functions of one activation with a constant for each channel or value."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from bitprior_runtime.ops.base import Array, Attributes, Op, Operand, refuse, take
from bitprior_runtime.program import Shape


def _infer(name: str, parameter: str, operands: Sequence[Operand], attributes: Attributes) -> Shape:
    x, constant = take(operands, 2, 2, name)
    if x.constant or not constant.constant:
        raise refuse(f"{name} of an activation with a constant {parameter}", "another arrangement")
    full = (1, *x.shape)
    aligned = full[len(full) - len(constant.shape) :]
    fits = len(constant.shape) <= len(full) and all(
        own in (1, size) for own, size in zip(constant.shape, aligned, strict=True)
    )
    if not fits:
        raise refuse(f"{name} with a {parameter} that broadcasts to {full}", f"{constant.shape}")
    return x.shape


def _prelu(inputs: Sequence[Array], attributes: Attributes) -> Array:
    x, slope = inputs
    return np.where(x < 0, x * slope, x)


def _prelu_vjp(
    cotangent: Array, inputs: Sequence[Array], output: Array, attributes: Attributes, index: int
) -> Array:
    x, slope = inputs
    return np.where(x > 0, cotangent, cotangent * slope)


def _pow(inputs: Sequence[Array], attributes: Attributes) -> Array:
    output: Array = np.power(inputs[0], inputs[1])
    return output


def _pow_vjp(
    cotangent: Array, inputs: Sequence[Array], output: Array, attributes: Attributes, index: int
) -> Array:
    x, exponent = inputs
    # x^0 has slope 0, at x = 0 too, where 0 * 0^-1 would be NaN.
    lower = np.where(exponent == 0, 1, exponent) - 1
    gradient: Array = cotangent * exponent * np.power(x, lower.astype(x.dtype))
    return gradient


OPS = {
    "PRelu": Op(partial(_infer, "PRelu", "slope"), _prelu, _prelu_vjp, {}),
    "Pow": Op(partial(_infer, "Pow", "exponent"), _pow, _pow_vjp, {}),
}
