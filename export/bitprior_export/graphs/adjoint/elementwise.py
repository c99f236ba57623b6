"""Add, Sub, Mul and Div; the cotangent of an operand that was repeated is summed back."""

from collections.abc import Mapping

from bitprior_export.graphs.adjoint.call import Call, Rule


def _add(call: Call) -> str:
    return _unbroadcast(call, call.cotangent)


def _sub(call: Call) -> str:
    if call.index == 0:
        return _unbroadcast(call, call.cotangent)
    return _unbroadcast(call, call.builder.add("Neg", [call.cotangent]))


def _mul(call: Call) -> str:
    product = call.builder.add("Mul", [call.cotangent, call.input(1 - call.index)])
    return _unbroadcast(call, product)


def _div(call: Call) -> str:
    builder = call.builder
    quotient = builder.add("Div", [call.cotangent, call.input(1)])
    if call.index == 1:
        quotient = builder.add("Neg", [builder.add("Mul", [quotient, call.output])])
    return _unbroadcast(call, quotient)


def _unbroadcast(call: Call, value: str) -> str:
    """Sum over the axes along which the operand was repeated; the batch is never one of them."""
    own, full = call.shape(call.index), call.output_shape
    # An activation has the rank of the output: only constants may have fewer axes.
    axes = [axis for axis, size in enumerate(own, 1) if size == 1 != full[axis - 1]]
    if not axes:
        return value
    return call.builder.add("ReduceSum", [value, call.builder.integers(axes, "axes")], keepdims=1)


RULES: Mapping[str, Rule] = {"Add": _add, "Sub": _sub, "Mul": _mul, "Div": _div}
