"""BatchNormalization of inference, y = factor * x + shift, folded into the layer before it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, helper

from bitprior_runtime.errors import ProgramError
from bitprior_runtime.program import Attribute, Node
from bitprior_runtime.tensors import FloatTensor, QuantisedTensor, Tensor, grid_integers

OP = "BatchNormalization"
_EPSILON = 1e-5  # ONNX's default
_LEAST_SCALE = float(np.finfo(np.float32).tiny)

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Affine:
    """y = factor * x + shift, float64 [C] each, along axis 1 (the batch being axis 0)."""

    factor: Array
    shift: Array

    def constants(self, rank: int) -> tuple[FloatTensor, FloatTensor]:
        """Return factor and shift to multiply by and add to [C, ...] of some rank."""
        shape = (-1, *[1] * (rank - 1))
        factor, shift = (values.reshape(shape) for values in (self.factor, self.shift))
        return FloatTensor(factor.astype(np.float32)), FloatTensor(shift.astype(np.float32))


def read_affine(node: NodeProto, constants: Mapping[str, NDArray[Any]]) -> Affine:
    """Return what a BatchNormalization does.

    Raises:
        ProgramError: It is in training mode, or its parameters are no finite float32 constants of
            one length.
    """
    attributes = {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}
    if attributes.get("training_mode", 0) or len(node.output) != 1:
        raise _refuse("inference", "training mode")
    names = list(node.input)[1:]
    if len(names) != 4 or not all(name in constants for name in names):
        raise _refuse("4 constants", f"inputs {names!a}")
    values = [constants[name] for name in names]
    if any(v.dtype != np.float32 or v.ndim != 1 or v.shape != values[0].shape for v in values):
        raise _refuse("float32 [C] constants", f"{[(str(v.dtype), v.shape) for v in values]}")
    gamma, beta, mean, variance = (v.astype(np.float64) for v in values)
    widened = variance + float(attributes.get("epsilon", _EPSILON))
    if not (widened > 0).all():
        raise _refuse("variances above zero", f"{float(widened.min())} with epsilon")
    factor = gamma / np.sqrt(widened)
    shift = beta - mean * factor
    limit = float(np.finfo(np.float32).max)
    if not (np.abs(np.concatenate([factor, shift])) <= limit).all():  # also false for NaN
        raise _refuse("finite parameters", "NaN or Inf")
    return Affine(factor, shift)


def fold(
    node: Node, tensors: Mapping[str, Tensor], affine: Affine, bias: str, output: str
) -> tuple[Node, Tensor, FloatTensor] | None:
    """Fold an affine map into the layer that feeds it, if its weight can take it up.

    Codes stay what they are: the factor goes into the scales, one for each output channel. Where
    it is negative the codes are negated.

    Args:
        node: The layer.
        tensors: Its constants, by name.
        affine: What follows the layer.
        bias: Name of the bias the layer gets.
        output: Name of its output from now on.

    Returns:
        The layer, its weight and its bias; None where codes cannot express the product: the lowest
        level of a wide grid has no negative, and no scale is zero.
    """
    axis = output_axis(node.op, node.attributes)
    if axis is None:
        return None
    weight = tensors[node.inputs[1]]
    if weight.shape[axis] != len(affine.factor):
        return None
    scaled = _scale(weight, axis, affine.factor)
    if scaled is None:
        return None
    before: Any = tensors[node.inputs[2]].values() if len(node.inputs) == 3 else np.zeros(1)
    shift = affine.shift + affine.factor * before.astype(np.float64).reshape(-1)
    op = "Gemm" if node.op == "MatMul" else node.op  # MatMul has no bias
    layer = replace(node, op=op, inputs=(*node.inputs[:2], bias), output=output)
    return layer, scaled, FloatTensor(shift.astype(np.float32))


def output_axis(op: str, attributes: Mapping[str, Attribute]) -> int | None:
    """Return the axis of a layer's weight that an output channel has to itself, or None."""
    if op == "Conv":
        return 0
    if op == "ConvTranspose":
        return 1 if attributes.get("group", 1) == 1 else None
    if op == "Gemm" and all(attributes.get(name, 1.0) == 1.0 for name in ("alpha", "beta")):
        return 0 if attributes.get("transB", 0) else 1
    return 1 if op == "MatMul" else None


def _scale(weight: Tensor, axis: int, factor: Array) -> Tensor | None:
    """Return the weight times a factor for each channel of ``axis``."""
    if isinstance(weight, FloatTensor):
        product = weight.array.astype(np.float64) * _along(factor, axis, weight.array.ndim)
        return FloatTensor(product.astype(np.float32))
    if weight.axis not in (None, axis):
        return None
    scale = (weight.scale.astype(np.float64) * np.abs(factor)).astype(np.float32)
    if not ((scale >= _LEAST_SCALE) & np.isfinite(scale)).all():
        return None
    codes = _negate(weight, _along(factor < 0, axis, weight.codes.ndim))
    return None if codes is None else replace(weight, codes=codes, scale=scale, axis=axis)


def _negate(weight: QuantisedTensor, where: NDArray[np.bool_]) -> NDArray[np.uint8] | None:
    """Return the codes of the negative weight in some places; None if one has no negative."""
    multiplier, offset = grid_integers(weight.grid, weight.bits)
    negated = 2 * offset // multiplier - weight.codes.astype(np.int16)
    if (negated[np.broadcast_to(where, negated.shape)] >= 2**weight.bits).any():
        return None
    return np.where(where, negated, weight.codes).astype(np.uint8)


def _along(values: NDArray[Any], axis: int, rank: int) -> NDArray[Any]:
    return values.reshape([-1 if index == axis else 1 for index in range(rank)])


def _refuse(expected: str, found: str) -> ProgramError:
    return ProgramError(
        f"a {OP} with {expected}", found, "export the network in eval mode, as float32"
    )
