"""Element-wise functions of one activation.

Each vector-Jacobian product is cotangent * f'(x), written with the output where that is cheaper.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import numpy as np

from bitprior_runtime.ops.base import Array, Attributes, Op, Operand, refuse, take
from bitprior_runtime.program import Attribute, Shape


def _infer(name: str, operands: Sequence[Operand], attributes: Attributes) -> Shape:
    (operand,) = take(operands, 1, 1, name)
    if operand.constant:
        raise refuse(f"{name} of an activation", "a constant")
    return operand.shape


def _alpha(attributes: Attributes, like: Array) -> Array:
    return cast(Array, like.dtype.type(cast(float, attributes["alpha"])))


def _relu(x: Array, attributes: Attributes) -> Array:
    return np.maximum(x, 0)


def _relu_slope(x: Array, output: Array, attributes: Attributes) -> Array:
    return (x > 0).astype(x.dtype)


def _leaky_relu(x: Array, attributes: Attributes) -> Array:
    return np.where(x >= 0, x, x * _alpha(attributes, x))


def _leaky_relu_slope(x: Array, output: Array, attributes: Attributes) -> Array:
    return np.where(x > 0, x.dtype.type(1), _alpha(attributes, x))


def _elu(x: Array, attributes: Attributes) -> Array:
    return np.where(x > 0, x, _alpha(attributes, x) * np.expm1(np.minimum(x, 0)))


def _elu_slope(x: Array, output: Array, attributes: Attributes) -> Array:
    return np.where(x > 0, x.dtype.type(1), output + _alpha(attributes, x))


def _tanh(x: Array, attributes: Attributes) -> Array:
    output: Array = np.tanh(x)
    return output


def _tanh_slope(x: Array, output: Array, attributes: Attributes) -> Array:
    slope: Array = 1 - output * output
    return slope


def _sigmoid(x: Array, attributes: Attributes) -> Array:
    # exp of a negative number only: large |x| must not overflow.
    decay = np.exp(-np.abs(x))
    output: Array = np.where(x >= 0, 1, decay) / (1 + decay)
    return output


def _sigmoid_slope(x: Array, output: Array, attributes: Attributes) -> Array:
    slope: Array = output * (1 - output)
    return slope


def _abs(x: Array, attributes: Attributes) -> Array:
    return np.abs(x)


def _abs_slope(x: Array, output: Array, attributes: Attributes) -> Array:
    return np.sign(x)


def _identity(x: Array, attributes: Attributes) -> Array:
    return x


def _identity_slope(x: Array, output: Array, attributes: Attributes) -> Array:
    return np.ones_like(x)


Function = Callable[[Array, Attributes], Array]
Slope = Callable[[Array, Array, Attributes], Array]


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


def _op(
    name: str, function: Function, slope: Slope, attributes: dict[str, Attribute] | None = None
) -> Op:
    return Op(
        partial(_infer, name), partial(_forward, function), partial(_vjp, slope), attributes or {}
    )


OPS = {
    "Relu": _op("Relu", _relu, _relu_slope),
    "LeakyRelu": _op("LeakyRelu", _leaky_relu, _leaky_relu_slope, {"alpha": 0.01}),
    "Elu": _op("Elu", _elu, _elu_slope, {"alpha": 1.0}),
    "Tanh": _op("Tanh", _tanh, _tanh_slope),
    "Sigmoid": _op("Sigmoid", _sigmoid, _sigmoid_slope),
    "Abs": _op("Abs", _abs, _abs_slope),
    "Identity": _op("Identity", _identity, _identity_slope),
}
