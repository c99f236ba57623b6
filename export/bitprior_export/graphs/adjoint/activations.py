"""Activation functions: cotangent * f'(x)."""

from collections.abc import Mapping
from typing import cast

from bitprior_export.graphs.adjoint.call import Call, Rule


def _where_positive(call: Call, otherwise: str) -> str:
    """Pass the cotangent where x > 0, and another value elsewhere."""
    zero = call.builder.scalar(0.0, "zero")
    positive = call.builder.add("Greater", [call.input(0), zero])
    return call.builder.add("Where", [positive, call.cotangent, otherwise])


def _relu(call: Call) -> str:
    return _where_positive(call, call.builder.scalar(0.0, "zero"))


def _leaky_relu(call: Call) -> str:
    alpha = call.builder.scalar(_alpha(call), "alpha")
    return _where_positive(call, call.builder.add("Mul", [call.cotangent, alpha]))


def _elu(call: Call) -> str:
    # For x <= 0: f'(x) = alpha exp(x) = f(x) + alpha.
    alpha = call.builder.scalar(_alpha(call), "alpha")
    slope = call.builder.add("Add", [call.output, alpha])
    return _where_positive(call, call.builder.add("Mul", [call.cotangent, slope]))


def _tanh(call: Call) -> str:
    square = call.builder.add("Mul", [call.output, call.output])
    slope = call.builder.add("Sub", [call.builder.scalar(1.0, "one"), square])
    return call.builder.add("Mul", [call.cotangent, slope])


def _sigmoid(call: Call) -> str:
    rest = call.builder.add("Sub", [call.builder.scalar(1.0, "one"), call.output])
    slope = call.builder.add("Mul", [call.output, rest])
    return call.builder.add("Mul", [call.cotangent, slope])


def _abs(call: Call) -> str:
    return call.builder.add("Mul", [call.cotangent, call.builder.add("Sign", [call.input(0)])])


def _identity(call: Call) -> str:
    return call.cotangent


def _softplus(call: Call) -> str:
    slope = call.builder.add("Sigmoid", [call.input(0)])
    return call.builder.add("Mul", [call.cotangent, slope])


def _selu(call: Call) -> str:
    # For x <= 0: f'(x) = gamma alpha exp(x) = f(x) + gamma alpha.
    builder, gamma = call.builder, _float(call, "gamma")
    low = builder.add("Add", [call.output, builder.scalar(gamma * _alpha(call), "floor")])
    high = builder.add("Mul", [call.cotangent, builder.scalar(gamma, "gamma")])
    positive = builder.add("Greater", [call.input(0), builder.scalar(0.0, "zero")])
    return builder.add("Where", [positive, high, builder.add("Mul", [call.cotangent, low])])


def _ramp_slope(call: Call, alpha: float, beta: float) -> str:
    """Return alpha where 0 < alpha x + beta < 1, else 0."""
    builder = call.builder
    zero, one = builder.scalar(0.0, "zero"), builder.scalar(1.0, "one")
    slope = builder.scalar(alpha, "alpha")
    product = builder.add("Mul", [call.input(0), slope])
    value = builder.add("Add", [product, builder.scalar(beta, "beta")])
    above, below = builder.add("Greater", [value, zero]), builder.add("Less", [value, one])
    return builder.add("Where", [builder.add("And", [above, below]), slope, zero])


def _hard_sigmoid(call: Call) -> str:
    slope = _ramp_slope(call, _alpha(call), _float(call, "beta"))
    return call.builder.add("Mul", [call.cotangent, slope])


def _hard_swish(call: Call) -> str:
    builder, alpha = call.builder, 1 / 6
    ramp = builder.add("HardSigmoid", [call.input(0)], alpha=alpha, beta=0.5)
    rising = builder.add("Mul", [call.input(0), _ramp_slope(call, alpha, 0.5)])
    return builder.add("Mul", [call.cotangent, builder.add("Add", [ramp, rising])])


def _alpha(call: Call) -> float:
    return _float(call, "alpha")


def _float(call: Call, name: str) -> float:
    return cast(float, call.attribute(name))


RULES: Mapping[str, Rule] = {
    "Relu": _relu,
    "LeakyRelu": _leaky_relu,
    "Elu": _elu,
    "Tanh": _tanh,
    "Sigmoid": _sigmoid,
    "Abs": _abs,
    "Identity": _identity,
    "Softplus": _softplus,
    "Selu": _selu,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _hard_swish,
}
