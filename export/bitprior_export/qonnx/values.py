"""What is known of the tensors of an ONNX graph while it is read."""

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from bitprior_export.errors import MalformedOnnxError
from bitprior_runtime.program import Shape
from bitprior_runtime.tensors import QuantisedTensor

Array: TypeAlias = NDArray[Any]


class UnfitError(Exception):
    """Why one node does not fit a program; becomes a line of UnsupportedOpError."""


@dataclass(frozen=True, eq=False)
class Integers:
    """A constant of integers on its way to DequantizeLinear.

    Attributes:
        values: The integers, int32.
        low: The lowest one there could be, by its type or a Clip.
        high: The highest one there could be.
    """

    values: Array
    low: int
    high: int


@dataclass
class Values:
    """Tensors by their names in the graph.

    Attributes:
        shapes: Shapes of activations without the batch axis; None for one that is written by a
            node that does not fit, so that what follows cannot be checked.
        constants: Values of constants, quantised ones as floats where the graph has no node of
            QONNX that makes them.
        quantised: Constants that are integer codes with scales.
        integers: Constants between QuantizeLinear and DequantizeLinear.
    """

    shapes: dict[str, Shape | None] = field(default_factory=dict)
    constants: dict[str, Array] = field(default_factory=dict)
    quantised: dict[str, QuantisedTensor] = field(default_factory=dict)
    integers: dict[str, Integers] = field(default_factory=dict)

    def constant_shape(self, name: str) -> Shape | None:
        """Return the shape of a constant, or None if it is none."""
        if name in self.quantised:
            return self.quantised[name].shape
        return self.constants[name].shape if name in self.constants else None

    def is_unknown(self, name: str) -> bool:
        """Return whether a node that does not fit writes the tensor."""
        return self.shapes.get(name, ()) is None


def read_values(tensor: TensorProto) -> Array:
    """Return the values of a tensor whose sizes were checked."""
    try:
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError, NotImplementedError) as error:
        raise MalformedOnnxError(
            f"values that fill the shape of {tensor.name[:80]!a}",
            str(error).partition("\n")[0],
            "write the file again, or copy it again",
        ) from error
