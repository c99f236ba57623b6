"""Add, Sub and Mul; the cotangent of an operand that was broadcast is summed back to its shape."""

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


def _unbroadcast(call: Call, value: str) -> str:
    """Sum over the axes along which the operand was repeated; the batch is never one of them."""
    own, full = call.shape(call.index), call.output_shape
    if len(own) != len(full):
        raise NotImplementedError("the operands of an element-wise op have one rank")
    axes = [axis + 1 for axis, size in enumerate(own) if size == 1 and full[axis] != 1]
    if not axes:
        return value
    return call.builder.add("ReduceSum", [value, call.builder.integers(axes, "axes")], keepdims=1)


RULES: Mapping[str, Rule] = {"Add": _add, "Sub": _sub, "Mul": _mul}
