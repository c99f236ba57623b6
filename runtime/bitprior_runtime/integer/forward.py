"""Run an integer program forward: the definition of its arithmetic, in numpy."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.integer.plan import (
    ElementwiseNode,
    GatherNode,
    IntegerNode,
    IntegerProgram,
    IntegerTensor,
    LinearNode,
    Requantiser,
)
from bitprior_runtime.integer.products import Product
from bitprior_runtime.integer.requantise import rounding_shift
from bitprior_runtime.integer.tables import look_up

Int64s = NDArray[np.int64]


class Activations:
    """What a forward pass leaves for the adjoint.

    Attributes:
        values: Integers [B, elements] by tensor id.
        positive: By target of a linear node: where its sum is above zero, [B, elements].
    """

    def __init__(self, source: int, q: Int64s) -> None:
        self.values: dict[int, Int64s] = {source: q}
        self.positive: dict[int, NDArray[np.bool_]] = {}

    def repeated(self, count: int) -> "Activations":
        """Return those of one row as those of ``count`` equal rows, without a copy."""
        made = Activations(0, np.empty(0, np.int64))
        for key, rows in self.values.items():
            made.values[key] = np.broadcast_to(rows, (count, rows.shape[1]))
        for key, above in self.positive.items():
            made.positive[key] = np.broadcast_to(above, (count, above.shape[1]))
        return made


def quantise(real: NDArray[Any], tensor: IntegerTensor) -> Int64s:
    """Return rint(real / step) in float64, clamped to the limit, flat; NaN becomes 0."""
    rows = np.asarray(real, dtype=np.float64).reshape(len(real), -1)
    q: NDArray[np.float64] = np.clip(np.rint(rows / tensor.step), -tensor.limit, tensor.limit)
    return np.nan_to_num(q, nan=0.0).astype(np.int64)


def dequantise(q: Int64s, tensor: IntegerTensor) -> NDArray[np.float32]:
    """Return float32(step * q), the product in float64, in the tensor's shape."""
    real = q.astype(np.float64) * tensor.step
    return real.astype(np.float32).reshape(len(q), *tensor.shape)


def product_of(node: LinearNode) -> Product:
    """Return the integer product of a linear node."""
    weight = node.weight.astype(np.float64)
    return Product(node.kind, weight, node.geometry, node.source_shape, node.target_shape)


def spread(values: NDArray[Any], size: int, inner: int = 1) -> NDArray[Any]:
    """Return values [channels] by element, [size]."""
    return values[(np.arange(size) // inner) % len(values)]


class Forward:
    """An integer program, ready to run.

    Args:
        program: The program.
    """

    def __init__(self, program: IntegerProgram) -> None:
        self.program = program
        self.products = {
            node.target: product_of(node) for node in program.nodes if isinstance(node, LinearNode)
        }

    def run(self, q: Int64s) -> Activations:
        """Return all activations at an input q [B, elements]."""
        kept = Activations(self.program.source, q)
        for node in self.program.nodes:
            kept.values[node.target] = self._node(node, kept)
        return kept

    def _node(self, node: IntegerNode, kept: Activations) -> Int64s:
        target = self.program.tensors[node.target]
        if isinstance(node, LinearNode):
            return self._linear(node, target, kept)
        if isinstance(node, ElementwiseNode):
            return _elementwise(node, target, kept)
        if isinstance(node, GatherNode):
            return _gather(node, target, kept.values[node.source])
        return look_up(node.values, kept.values[node.source])

    def _linear(self, node: LinearNode, target: IntegerTensor, kept: Activations) -> Int64s:
        sums = self.products[node.target].forward(kept.values[node.source])
        sums += spread(node.bias, target.size, node.inner)
        kept.positive[node.target] = sums > 0
        up = _requantised(sums, node.positive, target, node.inner)
        down = _requantised(sums, node.negative, target, node.inner)
        return np.where(sums >= 0, up, down)


def _requantised(
    value: Int64s, requantiser: Requantiser, target: IntegerTensor, inner: int
) -> Int64s:
    multiplier = spread(requantiser.multiplier.astype(np.int64), target.size, inner)
    shift = spread(requantiser.shift.astype(np.int64), target.size, inner)
    return np.clip(rounding_shift(value * multiplier, shift), -target.limit, target.limit)


def _elementwise(node: ElementwiseNode, target: IntegerTensor, kept: Activations) -> Int64s:
    total = spread(node.offset, target.size, node.inner)[np.newaxis]
    for operand in node.operands:
        q = kept.values[operand.source]
        positive = spread(operand.positive.astype(np.int64), target.size, node.inner)
        negative = spread(operand.negative.astype(np.int64), target.size, node.inner)
        total = total + q * np.where(q > 0, positive, negative)
    return np.clip(rounding_shift(total, node.shift), node.low, node.high)


def _gather(node: GatherNode, target: IntegerTensor, q: Int64s) -> Int64s:
    # A zero at the end is what the index -1 finds.
    padded = np.concatenate([q, np.zeros((len(q), 1), np.int64)], axis=1)
    total: Int64s = padded[:, node.index].sum(axis=2)
    if node.requantiser is None:
        return total
    return _requantised(total, node.requantiser, target, inner=1)
