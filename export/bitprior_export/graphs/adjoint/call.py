"""What a rule is told."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from bitprior_export.graphs.builder import GraphBuilder
from bitprior_export.graphs.forward import Emitted
from bitprior_runtime.program import Attribute, Node, Shape
from bitprior_runtime.shapes import complete_attributes


@dataclass(frozen=True)
class Call:
    """One node to be reversed with respect to one of its inputs.

    Attributes:
        builder: Where the nodes go.
        emitted: The program in the graph.
        node: The node.
        index: Which input the cotangent is wanted of.
        cotangent: Name of the output's cotangent in the graph.
    """

    builder: GraphBuilder
    emitted: Emitted
    node: Node
    index: int
    cotangent: str

    def input(self, index: int) -> str:
        """Return the name in the graph of an input."""
        return self.emitted.names[self.node.inputs[index]]

    def shape(self, index: int) -> Shape:
        """Return the shape of an input, without the batch axis for an activation."""
        return self.emitted.shapes[self.node.inputs[index]]

    @property
    def output(self) -> str:
        """Name in the graph of the node's output."""
        return self.emitted.names[self.node.output]

    @property
    def output_shape(self) -> Shape:
        """Shape of the output without the batch axis."""
        return self.emitted.shapes[self.node.output]

    def attribute(self, name: str) -> Attribute:
        """Return an attribute, ONNX's default if it is left out."""
        return complete_attributes(self.node)[name]


Rule: TypeAlias = Callable[[Call], str]
