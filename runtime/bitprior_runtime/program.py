"""A program: a list of nodes with ONNX op types, attributes and semantics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from bitprior_runtime.tensors import Tensor

Attribute: TypeAlias = int | float | str | tuple[int, ...] | tuple[float, ...]
Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class Node:
    """One op.

    Attributes:
        op: ONNX op type, e.g. ``"Gemm"``.
        inputs: Names of the tensors it reads: activations, or entries of ``Program.tensors``.
        output: Name of the one tensor it writes.
        attributes: ONNX attribute names and values; those left out have ONNX's defaults.
    """

    op: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, Attribute] = field(default_factory=dict)


@dataclass(frozen=True)
class Program:
    """A graph in execution order, from one or more inputs to one output.

    Shapes leave the batch axis out: every activation has a leading batch axis of any size.

    Attributes:
        name: ``"generator"`` or ``"sensing"``.
        inputs: Input names and their shapes without the batch axis, e.g. ``{"z": (100,)}``.
        output: Name of the output tensor.
        nodes: The nodes, each after those whose outputs it reads.
        tensors: Weights, biases and constants by name.
    """

    name: str
    inputs: Mapping[str, Shape]
    output: str
    nodes: Sequence[Node]
    tensors: Mapping[str, Tensor]
