"""What the rules of the native float runner share: the program, and the plan so far."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError
from bitprior_runtime.kernels.plan import Plan
from bitprior_runtime.kernels.structures import NodeStruct, Op
from bitprior_runtime.kernels.weights import PackedMatrix, pack_matrix
from bitprior_runtime.program import Node, Program, Shape


class UnsupportedOpError(UsageError):
    """A program has an op that the native runner lacks; the numpy kernels have it."""

    def __init__(self, op: str, why: str = "it has no such op") -> None:
        self.op = op
        super().__init__(
            "a program of ops the native kernels know", f"{op}: {why}", "use kernel='numpy'"
        )


@dataclass(frozen=True)
class Scope:
    """What a rule knows of the program it is compiling.

    Attributes:
        plan: Where nodes and values go.
        program: The program.
        shapes: Shape of every tensor in it.
        values: Number of every activation compiled so far; rules add to it.
        matrices: Weights packed so far.
    """

    plan: Plan
    program: Program
    shapes: Mapping[str, Shape]
    values: dict[str, int]
    matrices: dict[tuple[str, bool], PackedMatrix]

    def constant(self, name: str) -> NDArray[np.float32]:
        """Return the values of a constant."""
        return self.program.tensors[name].values()

    def new(self, node: Node, op: Op) -> NodeStruct:
        """Add a node that reads the activations of ``node`` and writes a value of its own."""
        self.values[node.output] = self.plan.value(self.shapes[node.output])
        return self.plan.node(op, self.read(node), self.values[node.output])

    def read(self, node: Node) -> list[int]:
        """Return the values of the activations a node reads."""
        return [self.values[name] for name in node.inputs if name in self.values]

    def matrix(self, name: str, channels: int, transpose: bool = False) -> PackedMatrix:
        """Return a weight as a packed matrix, packed once."""
        key = (name, transpose)
        if key not in self.matrices:
            self.matrices[key] = pack_matrix(self.program.tensors[name], channels, transpose)
        return self.matrices[key]
