"""Neg, Exp, Log, Sqrt and Clip of one activation."""

from typing import cast

import numpy as np

from bitprior_runtime.ops.base import Array, Attributes
from bitprior_runtime.ops.unary import unary

# ONNX leaves a bound out where there is none; a program's attributes are finite.
_LARGEST = float(np.finfo(np.float32).max)


def _neg(x: Array, attributes: Attributes) -> Array:
    return -x


def _neg_slope(x: Array, output: Array, attributes: Attributes) -> Array:
    return np.full_like(x, -1)


def _exp(x: Array, attributes: Attributes) -> Array:
    output: Array = np.exp(x)
    return output


def _exp_slope(x: Array, output: Array, attributes: Attributes) -> Array:
    return output


def _log(x: Array, attributes: Attributes) -> Array:
    output: Array = np.log(x)
    return output


def _log_slope(x: Array, output: Array, attributes: Attributes) -> Array:
    return 1 / x


def _sqrt(x: Array, attributes: Attributes) -> Array:
    output: Array = np.sqrt(x)
    return output


def _sqrt_slope(x: Array, output: Array, attributes: Attributes) -> Array:
    return 1 / (2 * output)


def _bounds(x: Array, attributes: Attributes) -> tuple[Array, Array]:
    low, high = (x.dtype.type(cast(float, attributes[name])) for name in ("min", "max"))
    return cast(Array, low), cast(Array, high)


def _clip(x: Array, attributes: Attributes) -> Array:
    low, high = _bounds(x, attributes)
    return np.minimum(np.maximum(x, low), high)  # as ONNX: max wins where min > max


def _clip_slope(x: Array, output: Array, attributes: Attributes) -> Array:
    low, high = _bounds(x, attributes)
    return ((x >= low) & (x <= high)).astype(x.dtype)


OPS = {
    "Neg": unary("Neg", _neg, _neg_slope),
    "Exp": unary("Exp", _exp, _exp_slope),
    "Log": unary("Log", _log, _log_slope),
    "Sqrt": unary("Sqrt", _sqrt, _sqrt_slope),
    "Clip": unary("Clip", _clip, _clip_slope, {"min": -_LARGEST, "max": _LARGEST}),
}
