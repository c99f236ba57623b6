"""Gemm and MatMul: products with a constant matrix."""

from collections.abc import Sequence
from typing import cast

import numpy as np

from bitprior_runtime.ops.base import Array, Attributes, Op, Operand, refuse, take
from bitprior_runtime.program import Shape


def _weight(weight: Array, attributes: Attributes) -> Array:
    """Return B' of ONNX Gemm, [in, out]."""
    return weight.T if attributes["transB"] else weight


def _gemm_infer(operands: Sequence[Operand], attributes: Attributes) -> Shape:
    a, b, *rest = take(operands, 2, 3, "Gemm")
    if attributes["transA"]:
        raise refuse("Gemm with transA = 0 (the batch is its first axis)", "transA = 1")
    if a.constant or not b.constant:
        raise refuse("Gemm of an activation with a constant matrix", "another arrangement")
    if len(a.shape) != 1 or len(b.shape) != 2:
        raise refuse("Gemm of [batch, in] with a matrix", f"shapes {a.shape} and {b.shape}")
    width, size = b.shape[::-1] if attributes["transB"] else b.shape
    if a.shape[0] != width:
        raise refuse(f"Gemm with {width} input features", f"{a.shape[0]}")
    if rest and (not rest[0].constant or rest[0].shape not in ((size,), (1, size), (1,), ())):
        raise refuse(f"Gemm with a constant bias of {size} values", f"shape {rest[0].shape}")
    return (size,)


def _gemm(inputs: Sequence[Array], attributes: Attributes) -> Array:
    output: Array = inputs[0] @ _weight(inputs[1], attributes)
    if attributes["alpha"] != 1.0:
        output = output * output.dtype.type(cast(float, attributes["alpha"]))
    if len(inputs) == 3:
        bias = inputs[2]
        if attributes["beta"] != 1.0:
            bias = bias * bias.dtype.type(cast(float, attributes["beta"]))
        output = output + bias
    return output


def _gemm_vjp(
    cotangent: Array, inputs: Sequence[Array], output: Array, attributes: Attributes, index: int
) -> Array:
    gradient: Array = cotangent @ _weight(inputs[1], attributes).T
    if attributes["alpha"] != 1.0:
        gradient = gradient * gradient.dtype.type(cast(float, attributes["alpha"]))
    return gradient


def _matmul_infer(operands: Sequence[Operand], attributes: Attributes) -> Shape:
    a, b = take(operands, 2, 2, "MatMul")
    if a.constant or not b.constant or len(b.shape) != 2 or len(a.shape) < 1:
        raise refuse("MatMul of an activation with a constant matrix", "another arrangement")
    if a.shape[-1] != b.shape[0]:
        raise refuse(f"MatMul with {b.shape[0]} input features", f"{a.shape[-1]}")
    return (*a.shape[:-1], b.shape[1])


def _matmul(inputs: Sequence[Array], attributes: Attributes) -> Array:
    output: Array = np.matmul(inputs[0], inputs[1])
    return output


def _matmul_vjp(
    cotangent: Array, inputs: Sequence[Array], output: Array, attributes: Attributes, index: int
) -> Array:
    gradient: Array = np.matmul(cotangent, inputs[1].T)
    return gradient


OPS = {
    "Gemm": Op(
        _gemm_infer, _gemm, _gemm_vjp, {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0}
    ),
    "MatMul": Op(_matmul_infer, _matmul, _matmul_vjp, {}),
}
