"""What a program becomes before it goes to C: values in one workspace, and nodes over them."""

import ctypes
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.kernels.structures import (
    Function,
    NodeStruct,
    Op,
    ProgramStruct,
    ValueStruct,
)
from bitprior_runtime.kernels.weights import LANES, PackedMatrix
from bitprior_runtime.program import Shape


class Plan:
    """Nodes and values as C reads them, and the arrays they point to.

    Values are numbered; a value that only reshapes another is the same number.
    """

    def __init__(self) -> None:
        self.nodes: list[NodeStruct] = []
        self.sizes: list[int] = []
        self.scratch = 0
        self._kept: list[Any] = []

    def value(self, shape: Shape) -> int:
        """Add a value; return its number."""
        self.sizes.append(math.prod(shape))
        return len(self.sizes) - 1

    def node(self, op: Op, inputs: Sequence[int], output: int) -> NodeStruct:
        """Add a node without a function; return it, to fill in the rest."""
        made = NodeStruct(op=op, function=Function.NONE, output=output, count=1)
        made.inputs[:] = [*inputs, -1][:2]
        self.nodes.append(made)
        return made

    def floats(self, array: NDArray[Any]) -> Any:
        """Return a pointer to float32 values that live as long as this plan."""
        return self._pointer(np.ascontiguousarray(array, np.float32), ctypes.c_float)

    def integers(self, array: NDArray[Any]) -> Any:
        """Return a pointer to int32 values that live as long as this plan."""
        return self._pointer(np.ascontiguousarray(array, np.int32), ctypes.c_int32)

    def set_weight(self, node: NodeStruct, matrix: PackedMatrix) -> None:
        """Give a node its weight matrix; the words are shared, not copied."""
        node.weight.words = self._pointer(matrix.words, ctypes.c_uint32)
        node.weight.rows, node.weight.blocks, _ = matrix.words.shape
        node.weight.columns = matrix.columns
        node.weight.bits = matrix.bits
        node.weight.multiplier = matrix.multiplier
        node.weight.extra = matrix.extra

    def finish(self, middle: int, latent: int, image: int, measurement: int) -> ProgramStruct:
        """Lay out the workspace and return the program; it lives as long as this plan.

        Args:
            middle: Number of nodes of the generator.
            latent: Value of z.
            image: Value of x.
            measurement: Value of y.
        """
        self._mark_sums(measurement)
        values, offset = (ValueStruct * len(self.sizes))(), 0
        for number, size in enumerate(self.sizes):
            stride = -(-size // LANES) * LANES
            values[number] = ValueStruct(size, offset, offset + stride)
            offset += 2 * stride
        largest = -(-max(self.sizes) // LANES) * LANES
        nodes = (NodeStruct * len(self.nodes))(*self.nodes)
        self._kept += [values, nodes]
        return ProgramStruct(
            nodes=nodes,
            values=values,
            count=len(nodes),
            numbers=len(values),
            middle=middle,
            floats=offset + largest,
            spare=offset,
            scratch=self.scratch,
            latent=latent,
            image=image,
            measurement=measurement,
        )

    def _mark_sums(self, measurement: int) -> None:
        """Mark the inputs whose cotangent has a term already when their node passes one on."""
        seen = {measurement}
        for node in reversed(self.nodes):
            for index, number in enumerate(node.inputs):
                if number >= 0:
                    node.add[index] = number in seen
                    seen.add(number)

    def _pointer(self, array: NDArray[Any], kind: type[Any]) -> Any:
        self._kept.append(array)
        return array.ctypes.data_as(ctypes.POINTER(kind))
