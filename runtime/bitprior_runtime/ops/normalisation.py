"""InstanceNormalization: each channel of each image brought to mean 0 and variance 1.

y = scale (x - mean) / sqrt(variance + epsilon) + bias, mean and variance over the spatial axes.
"""

from collections.abc import Sequence
from typing import cast

import numpy as np

from bitprior_runtime.ops.base import Array, Attributes, Op, Operand, refuse, take
from bitprior_runtime.program import Shape

LEAST_EPSILON = float(np.finfo(np.float32).tiny)


def _infer(operands: Sequence[Operand], attributes: Attributes) -> Shape:
    x, *parameters = take(operands, 3, 3, "InstanceNormalization")
    if x.constant or len(x.shape) < 2:
        raise refuse("InstanceNormalization of an activation [batch, C, ...]", f"{x.shape}")
    channels = x.shape[0]
    for parameter in parameters:
        if not parameter.constant or parameter.shape != (channels,):
            raise refuse(
                f"InstanceNormalization with constant scale and bias of {channels} values",
                f"shape {parameter.shape}",
            )
    if cast(float, attributes["epsilon"]) < LEAST_EPSILON:
        least = f"{LEAST_EPSILON:.1e}, the least normal float32"
        raise refuse(
            f"InstanceNormalization with epsilon > 0, from {least}", f"{attributes['epsilon']}"
        )
    return x.shape


def _axes(x: Array) -> tuple[int, ...]:
    return tuple(range(2, x.ndim))


def _per_channel(values: Array, x: Array) -> Array:
    return values.reshape(1, -1, *[1] * (x.ndim - 2))


def _normalise(x: Array, attributes: Attributes) -> tuple[Array, Array]:
    """Return (x - mean) / deviation, and the deviation."""
    centred = x - x.mean(axis=_axes(x), keepdims=True)
    variance = (centred * centred).mean(axis=_axes(x), keepdims=True)
    deviation = np.sqrt(variance + x.dtype.type(cast(float, attributes["epsilon"])))
    return centred / deviation, deviation


def _forward(inputs: Sequence[Array], attributes: Attributes) -> Array:
    x, scale, bias = inputs
    normal, _ = _normalise(x, attributes)
    return normal * _per_channel(scale, x) + _per_channel(bias, x)


def _vjp(
    cotangent: Array, inputs: Sequence[Array], output: Array, attributes: Attributes, index: int
) -> Array:
    """Return scale / deviation (c - mean(c) - n mean(c n)) with n the normalised input."""
    x, scale, _ = inputs
    normal, deviation = _normalise(x, attributes)
    level = cotangent.mean(axis=_axes(x), keepdims=True)
    along = (cotangent * normal).mean(axis=_axes(x), keepdims=True)
    gradient: Array = (cotangent - level - normal * along) * (_per_channel(scale, x) / deviation)
    return gradient


OPS = {"InstanceNormalization": Op(_infer, _forward, _vjp, {"epsilon": 1e-5})}
