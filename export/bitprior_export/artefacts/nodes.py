"""Compare a graph with the programs node by node, and name the first node that differs.

Each node is worked out again in numpy from the values that the graph itself fed it: its output
from its inputs, and the cotangent of each tensor from the cotangents of the nodes that read it.
So an error shows at the node that makes it, and rounding, or a LeakyReLU whose input is zero but
for rounding, does not travel on.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_export.artefacts.expose import cotangent_name
from bitprior_runtime.errors import CheckFailedError
from bitprior_runtime.ops import OPS
from bitprior_runtime.program import Node, Program
from bitprior_runtime.shapes import complete_attributes

Array = NDArray[Any]

# Of the largest magnitude at the node: what the order of a sum of a thousand terms changes.
TOLERANCE = 1e-5
HALF_TOLERANCE = 5e-3


@dataclass
class NodeReport:
    """What was compared.

    Attributes:
        nodes: Values compared: outputs and cotangents.
        max_difference: The largest difference, relative to the largest magnitude at its node.
    """

    nodes: int = 0
    max_difference: float = 0.0

    def add(self, other: "NodeReport") -> None:
        """Take in another report."""
        self.nodes += other.nodes
        self.max_difference = max(self.max_difference, other.max_difference)


class NodeCheck:
    """A program against the values of a graph it was emitted in.

    Args:
        file: Name of the graph's file, for messages.
        program: The program.
        values: The graph's values by name.
        tolerance: Largest difference, relative to the largest magnitude at a node.
        entry: Name in the graph of the program's input.
    """

    def __init__(
        self,
        file: str,
        program: Program,
        values: Mapping[str, Array],
        entry: str,
        tolerance: float = TOLERANCE,
    ) -> None:
        self.report = NodeReport()
        self._file = file
        self._program = program
        self._values = values
        self._entry = entry
        self._tolerance = tolerance
        self._constants = {name: tensor.values() for name, tensor in program.tensors.items()}

    def forward(self) -> None:
        """Compare every node's output.

        Raises:
            CheckFailedError: A node differs; it is the first one.
        """
        for node in self._program.nodes:
            operands = [self._operand(name) for name in node.inputs]
            expected = OPS[node.op].forward(operands, complete_attributes(node))
            activations = [self._operand(n) for n in node.inputs if n not in self._constants]
            where = f"node {node.output!r} ({node.op})"
            self.compare(where, self._operand(node.output), expected, activations)

    def backward(self) -> None:
        """Compare the cotangent of every tensor but the output.

        Raises:
            CheckFailedError: The adjoint of a node differs; it is the first one, from the end.
        """
        program = self._program
        tensors = [*program.inputs, *(node.output for node in program.nodes)]
        for tensor in reversed(tensors):
            if tensor == program.output:
                continue
            terms = list(self._terms(tensor))
            if not terms:
                continue  # nothing that is differentiated reads it
            readers = " and ".join(f"{node.output!r} ({node.op})" for node, _, _ in terms)
            expected = np.sum([term for _, term, _ in terms], axis=0)
            self.compare(
                f"the adjoint of node {readers}, the cotangent of {tensor!r}",
                self._cotangent(tensor),
                expected,
                [flowing for _, _, flowing in terms],
            )

    def compare(
        self, where: str, found: Array | None, expected: Array, others: list[Array]
    ) -> None:
        """Compare one value; ``others`` are what else was at the node.

        Raises:
            CheckFailedError: It differs by more than rounding.
        """
        if found is None or found.shape != expected.shape:
            shape = "no such value" if found is None else f"shape {found.shape}"
            raise self._differs(where, f"shape {expected.shape}", shape)
        scale = max(magnitude(value) for value in (expected, *others))
        difference = magnitude(found.astype(np.float32) - expected)
        if not difference <= self._tolerance * scale:  # also true for NaN
            wanted = f"the float engine's values within {self._tolerance * scale:.2g}"
            raise self._differs(where, wanted, f"max |Δ| = {difference:.3g}")
        self.report.nodes += 1
        self.report.max_difference = max(
            self.report.max_difference, difference / scale if scale else 0.0
        )

    def _terms(self, tensor: str) -> Iterator[tuple[Node, Array, Array]]:
        """Yield each reader of a tensor that has a cotangent, with what it adds and that."""
        for node in self._program.nodes:
            flowing = self._cotangent(node.output)
            if tensor not in node.inputs or flowing is None:
                continue
            operands = [self._operand(name) for name in node.inputs]
            output, attributes = self._operand(node.output), complete_attributes(node)
            for index, name in enumerate(node.inputs):
                if name == tensor:
                    term = OPS[node.op].vjp(flowing, operands, output, attributes, index)
                    yield node, term, flowing

    def _operand(self, name: str) -> Array:
        if name in self._constants:
            return self._constants[name]
        known = self._entry if name in self._program.inputs else f"{self._program.name}/{name}"
        return self._values[known].astype(np.float32)

    def _cotangent(self, tensor: str) -> Array | None:
        return self._values.get(cotangent_name(self._program.name, tensor))

    def _differs(self, where: str, expected: str, found: str) -> CheckFailedError:
        return CheckFailedError(
            f"{expected} at {where} of {self._file}",
            found,
            "this is the first node that differs",
        )


def magnitude(values: Array) -> float:
    """Return the largest magnitude."""
    return float(np.abs(values).max())
