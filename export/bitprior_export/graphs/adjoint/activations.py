"""Element-wise functions: cotangent * f'(x)."""

from collections.abc import Mapping

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


def _alpha(call: Call) -> float:
    alpha = call.attribute("alpha")
    if not isinstance(alpha, float):
        raise TypeError(f"alpha is a float, not {alpha!r}")
    return alpha


RULES: Mapping[str, Rule] = {
    "Relu": _relu,
    "LeakyRelu": _leaky_relu,
    "Elu": _elu,
    "Tanh": _tanh,
    "Sigmoid": _sigmoid,
    "Abs": _abs,
    "Identity": _identity,
}
