"""HardSigmoid and HardSwish: the ramp min(max(alpha x + beta, 0), 1), and x times a ramp."""

from typing import cast

import numpy as np

from bitprior_runtime.ops.base import Array, Attributes
from bitprior_runtime.ops.unary import unary

_SWISH = {"alpha": 1 / 6, "beta": 0.5}


def _line(x: Array, attributes: Attributes) -> Array:
    alpha, beta = (x.dtype.type(cast(float, attributes[name])) for name in ("alpha", "beta"))
    line: Array = x * alpha + beta
    return line


def _hard_sigmoid(x: Array, attributes: Attributes) -> Array:
    ramp: Array = np.clip(_line(x, attributes), x.dtype.type(0), x.dtype.type(1))
    return ramp


def _hard_sigmoid_slope(x: Array, output: Array, attributes: Attributes) -> Array:
    line, alpha = _line(x, attributes), x.dtype.type(cast(float, attributes["alpha"]))
    slope: Array = np.where((line > 0) & (line < 1), alpha, x.dtype.type(0))
    return slope


def _hard_swish(x: Array, attributes: Attributes) -> Array:
    output: Array = x * _hard_sigmoid(x, _SWISH)
    return output


def _hard_swish_slope(x: Array, output: Array, attributes: Attributes) -> Array:
    slope: Array = _hard_sigmoid(x, _SWISH) + x * _hard_sigmoid_slope(x, output, _SWISH)
    return slope


OPS = {
    "HardSigmoid": unary(
        "HardSigmoid", _hard_sigmoid, _hard_sigmoid_slope, {"alpha": 0.2, "beta": 0.5}
    ),
    "HardSwish": unary("HardSwish", _hard_swish, _hard_swish_slope),
}
