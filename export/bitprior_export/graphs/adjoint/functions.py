"""Neg, Exp, Log, Sqrt, Clip, PRelu and Pow: cotangent * f'(x)."""

from collections.abc import Mapping
from typing import cast

import numpy as np

from bitprior_export.graphs.adjoint.call import Call, Rule
from bitprior_runtime.tensors import Tensor


def _neg(call: Call) -> str:
    return call.builder.add("Neg", [call.cotangent])


def _exp(call: Call) -> str:
    return call.builder.add("Mul", [call.cotangent, call.output])


def _log(call: Call) -> str:
    return call.builder.add("Div", [call.cotangent, call.input(0)])


def _sqrt(call: Call) -> str:
    double = call.builder.add("Add", [call.output, call.output])
    return call.builder.add("Div", [call.cotangent, double])


def _clip(call: Call) -> str:
    builder, x = call.builder, call.input(0)
    low, high = (builder.scalar(cast(float, call.attribute(name)), name) for name in ("min", "max"))
    above = builder.add("GreaterOrEqual", [x, low])
    below = builder.add("LessOrEqual", [x, high])
    within = builder.add("And", [above, below])
    return builder.add("Where", [within, call.cotangent, builder.scalar(0.0, "zero")])


def _prelu(call: Call) -> str:
    builder = call.builder
    positive = builder.add("Greater", [call.input(0), builder.scalar(0.0, "zero")])
    sloped = builder.add("Mul", [call.cotangent, call.input(1)])
    return builder.add("Where", [positive, call.cotangent, sloped])


def _pow(call: Call) -> str:
    builder, tensor = call.builder, _constant(call, 1)
    # x^0 has slope 0, at x = 0 too, where 0 * 0^-1 would be NaN.
    exponent = tensor.values()
    lower = np.where(exponent == 0, 1, exponent).astype(np.float32) - np.float32(1)
    power = builder.add("Pow", [call.input(0), builder.constant(lower, "lower")])
    return builder.add("Mul", [call.cotangent, builder.add("Mul", [power, call.input(1)])])


def _constant(call: Call, index: int) -> Tensor:
    return call.emitted.program.tensors[call.node.inputs[index]]


RULES: Mapping[str, Rule] = {
    "Neg": _neg,
    "Exp": _exp,
    "Log": _log,
    "Sqrt": _sqrt,
    "Clip": _clip,
    "PRelu": _prelu,
    "Pow": _pow,
}
