"""One node to be lowered, with what is known of its inputs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import ProgramError
from bitprior_runtime.integer.real import Floats, RealNode
from bitprior_runtime.program import Attribute, Node, Shape
from bitprior_runtime.tensors import Tensor


@dataclass(frozen=True, eq=False)
class Call:
    """A node of the program.

    Attributes:
        node: The node.
        attributes: All of its attributes.
        tensors: Constants of the program.
        shapes: Of all tensors, without the batch axis.
        sources: Its activation inputs, as the lowered tensors that hold them.
        weight_bits: Of integers that stand for float weights.
    """

    node: Node
    attributes: Mapping[str, Attribute]
    tensors: Mapping[str, Tensor]
    shapes: Mapping[str, Shape]
    sources: tuple[str, ...]
    weight_bits: int

    @property
    def shape(self) -> Shape:
        """Shape of the output."""
        return self.shapes[self.node.output]

    @property
    def source(self) -> str:
        """The first activation input."""
        return self.sources[0]

    @property
    def source_shape(self) -> Shape:
        """Shape of the first activation input, as the node sees it."""
        return next(self.shapes[name] for name in self.node.inputs if name not in self.tensors)

    def number(self, name: str) -> float:
        """Return an attribute that is a number."""
        return float(cast(float, self.attributes[name]))

    def integers(self, name: str) -> Shape:
        """Return an attribute that is a tuple of integers."""
        return cast(Shape, self.attributes[name])

    def constant(self, position: int) -> Floats:
        """Return the constant at an input, float64."""
        return self.tensors[self.node.inputs[position]].values().astype(np.float64)

    def refuse(self, expected: str, found: str) -> ProgramError:
        """Make the error of a node that has no integer form."""
        return ProgramError(
            f"{expected} at {self.node.output!r} for the integer engine",
            found,
            "use the float engine",
        )


# A name instead of nodes: the output is that tensor in another shape.
Lowered: TypeAlias = list[RealNode] | str
Rule: TypeAlias = Callable[[Call], Lowered]


def element_order(shape: Shape) -> NDArray[np.int64]:
    """Return the place of each element within a row."""
    return np.arange(np.prod(shape, dtype=np.int64)).reshape(shape)
