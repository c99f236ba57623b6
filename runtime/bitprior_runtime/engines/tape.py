"""Run a program forward in numpy, and backward over what the forward pass left."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.ops import OPS
from bitprior_runtime.program import Program
from bitprior_runtime.shapes import complete_attributes, infer_shapes

Array = NDArray[Any]


class NumpyProgram:
    """A checked program with its weights as plain numpy arrays.

    Args:
        program: The program; it is checked here.
        dtype: float32, or float64 for finite-difference checks.

    Raises:
        ProgramError: The program is malformed.
    """

    def __init__(self, program: Program, dtype: type[np.floating[Any]]) -> None:
        infer_shapes(program)
        self.program = program
        self.constants: dict[str, Array] = {
            name: np.ascontiguousarray(tensor.values(), dtype=dtype)
            for name, tensor in program.tensors.items()
        }
        self._steps = [(node, OPS[node.op], complete_attributes(node)) for node in program.nodes]

    def forward(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Return every activation by name, the inputs included."""
        values = dict(inputs)
        for node, op, attributes in self._steps:
            operands = [self._value(values, name) for name in node.inputs]
            values[node.output] = op.forward(operands, attributes)
        return values

    def backward(self, values: Mapping[str, Array], cotangent: Array) -> dict[str, Array]:
        """Return the cotangents of the program's inputs.

        Args:
            values: What :meth:`forward` returned.
            cotangent: Cotangent of the output, in its shape.
        """
        cotangents = {self.program.output: cotangent}
        for node, op, attributes in reversed(self._steps):
            flowing = cotangents.pop(node.output, None)
            if flowing is None:
                continue
            operands = [self._value(values, name) for name in node.inputs]
            for index, name in enumerate(node.inputs):
                if name in self.constants:
                    continue
                term = op.vjp(flowing, operands, values[node.output], attributes, index)
                cotangents[name] = cotangents[name] + term if name in cotangents else term
        return cotangents

    def _value(self, values: Mapping[str, Array], name: str) -> Array:
        constant = self.constants.get(name)
        return values[name] if constant is None else constant
