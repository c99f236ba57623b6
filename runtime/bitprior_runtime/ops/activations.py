"""Activation functions; their derivatives are written with the output where that is cheaper."""

from typing import cast

import numpy as np

from bitprior_runtime.ops.base import Array, Attributes
from bitprior_runtime.ops.unary import unary


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


def _softplus(x: Array, attributes: Attributes) -> Array:
    output: Array = np.logaddexp(x, x.dtype.type(0))
    return output


def _softplus_slope(x: Array, output: Array, attributes: Attributes) -> Array:
    return _sigmoid(x, attributes)


def _gamma(attributes: Attributes, like: Array) -> Array:
    return cast(Array, like.dtype.type(cast(float, attributes["gamma"])))


def _selu(x: Array, attributes: Attributes) -> Array:
    return _gamma(attributes, x) * _elu(x, attributes)


def _selu_slope(x: Array, output: Array, attributes: Attributes) -> Array:
    # For x <= 0: f'(x) = gamma alpha exp(x) = f(x) + gamma alpha.
    gamma = _gamma(attributes, x)
    return np.where(x > 0, gamma, output + gamma * _alpha(attributes, x))


OPS = {
    "Relu": unary("Relu", _relu, _relu_slope),
    "LeakyRelu": unary("LeakyRelu", _leaky_relu, _leaky_relu_slope, {"alpha": 0.01}),
    "Elu": unary("Elu", _elu, _elu_slope, {"alpha": 1.0}),
    "Tanh": unary("Tanh", _tanh, _tanh_slope),
    "Sigmoid": unary("Sigmoid", _sigmoid, _sigmoid_slope),
    "Abs": unary("Abs", _abs, _abs_slope),
    "Identity": unary("Identity", _identity, _identity_slope),
    "Softplus": unary("Softplus", _softplus, _softplus_slope),
    "Selu": unary(
        "Selu", _selu, _selu_slope, {"alpha": 1.6732631921768188, "gamma": 1.0507010221481323}
    ),
}
