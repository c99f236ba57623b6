"""One node of an ONNX graph with what is known around it, and what becomes of it in a program."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from onnx import AttributeProto, NodeProto, defs, helper

from bitprior_export.qonnx.values import Array, UnfitError, Values
from bitprior_runtime.program import Attribute, Shape

# Stands for the batch size in shapes that a graph computes: a prime no network has as a size, so
# that it can be told where the batch went.
BATCH_MARK = 1_000_003
STANDARD = ("", "ai.onnx")


@dataclass(frozen=True, eq=False)
class Part:
    """One node of a program in the making.

    Attributes:
        op: Its op.
        inputs: Tensors of the graph by their names there, or new constants.
        output: The name, in the graph, of the tensor it writes.
        attributes: As the program has them.
    """

    op: str
    inputs: tuple[str | Array, ...]
    output: str
    attributes: Mapping[str, Attribute] = field(default_factory=dict)


class Site:
    """A node, its attributes, and the shapes and values of its inputs.

    Args:
        node: The node.
        values: All that is known so far of the graph's tensors.
        batch: Batch size the graph is fixed to, or None.
        opset: Version of ONNX's ops.
    """

    def __init__(self, node: NodeProto, values: Values, batch: int | None, opset: int) -> None:
        self.node = node
        self.op = node.op_type
        self.batch = batch
        self.inputs: list[str] = list(node.input)
        while self.inputs and not self.inputs[-1]:  # optional inputs left out
            self.inputs.pop()
        self.outputs: list[str] = list(node.output)
        while self.outputs and not self.outputs[-1]:
            self.outputs.pop()
        self._tensors, self._opset = values, opset
        self._values = {entry.name: entry for entry in node.attribute}

    @property
    def output(self) -> str:
        """Name of its only output."""
        if len(self.outputs) != 1:
            raise UnfitError(f"{len(self.outputs)} outputs instead of one")
        return self.outputs[0]

    def has(self, index: int) -> bool:
        """Return whether an optional input is given."""
        return index < len(self.inputs) and bool(self.inputs[index])

    def shape(self, index: int = 0) -> Shape:
        """Return the shape of an activation without the batch axis."""
        name = self._input(index)
        shape = self._tensors.shapes.get(name)
        if shape is None:
            raise UnfitError(f"input {index} is not an activation")
        return shape

    def constant(self, index: int) -> Array:
        """Return the value of an input that must be constant."""
        name = self._input(index)
        if name not in self._tensors.constants:
            raise UnfitError(f"its input {index}, {name[:80]!a}, is not a constant")
        return self._tensors.constants[name]

    def constant_shape(self, index: int) -> Shape:
        """Return the shape of an input that must be constant; it may be quantised."""
        shape = self._tensors.constant_shape(self._input(index))
        if shape is None:
            raise UnfitError(f"its input {index}, {self.inputs[index][:80]!a}, is not a constant")
        return shape

    def integers(self, index: int) -> tuple[int, ...]:
        """Return an input that must be a constant list of integers."""
        values = self.constant(index)
        if values.dtype.kind != "i" or values.ndim > 1 or values.size > 64:
            raise UnfitError(f"its input {index} is not a list of integers")
        return tuple(int(value) for value in values.reshape(-1))

    def scalar(self, index: int) -> float:
        """Return an input that must be one constant, finite or not."""
        values = self.constant(index)
        if values.size != 1 or values.dtype.kind not in "iuf":
            raise UnfitError(f"its input {index} is not one number")
        return float(values.reshape(-1)[0])

    def axis(self, axis: int, rank: int | None = None) -> int:
        """Return an axis counted from the batch, which is 0 and must be left alone.

        Args:
            axis: As ONNX has it, perhaps negative.
            rank: Axes with the batch; None: those of input 0.
        """
        rank = len(self.shape()) + 1 if rank is None else rank
        found = axis + rank if axis < 0 else axis
        if not 0 <= found < rank:
            raise UnfitError(f"axis {axis} of {rank} axes")
        if found == 0:
            raise UnfitError("it works on the batch axis")
        return found

    def attribute(self, name: str, default: Any = None) -> Any:
        """Return an attribute's value in Python's types."""
        return attribute_value(self._values[name]) if name in self._values else default

    def sizes(self, name: str, default: Shape) -> Shape:
        """Return an attribute that must be as many integers as its default has."""
        value = self.attribute(name, default)
        if not isinstance(value, tuple) or len(value) != len(default):
            raise UnfitError(f"{name} = {value!a} instead of {len(default)} integers")
        return value

    def attributes(self, *left_out: str) -> dict[str, Attribute]:
        """Return all attributes but some, and but those that say what ONNX takes for granted."""
        return {
            name: attribute_value(entry)
            for name, entry in self._values.items()
            if name not in left_out and not self._is_default(entry)
        }

    def _is_default(self, entry: AttributeProto) -> bool:
        try:
            known = defs.get_schema(self.op, self._opset, "").attributes
        except defs.SchemaError:
            return False
        if entry.name not in known or not known[entry.name].default_value.type:
            return False
        default: Any = helper.get_attribute_value(known[entry.name].default_value)
        return bool(helper.get_attribute_value(entry) == default)

    def _input(self, index: int) -> str:
        if not self.has(index):
            raise UnfitError(f"its input {index} is missing")
        return self.inputs[index]


def attribute_value(entry: AttributeProto) -> Attribute:
    """Return a number, a name or a list of integers.

    Raises:
        UnfitError: It is something else.
    """
    value = helper.get_attribute_value(entry)
    if isinstance(value, int | float):
        return value
    if isinstance(value, bytes):
        return value.decode("ascii", "replace")
    if isinstance(value, list | tuple) and all(isinstance(item, int) for item in value):
        return tuple(value)
    raise UnfitError(f"its attribute {entry.name[:40]!a} is no number, name or list of integers")
