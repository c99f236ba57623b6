"""A program's nodes as ONNX nodes, one to one."""

from collections.abc import Mapping
from dataclasses import dataclass

from bitprior_export.graphs.builder import GraphBuilder
from bitprior_export.graphs.weights import emit_tensor
from bitprior_runtime.program import Attribute, Node, Program, Shape
from bitprior_runtime.shapes import infer_shapes


@dataclass(frozen=True)
class Emitted:
    """A program in a graph.

    Attributes:
        program: The program.
        names: Name in the graph of each of the program's tensors.
        shapes: Their shapes; activations without the batch axis.
    """

    program: Program
    names: Mapping[str, str]
    shapes: Mapping[str, Shape]

    @property
    def output(self) -> str:
        """Name in the graph of the program's output."""
        return self.names[self.program.output]


def emit_forward(builder: GraphBuilder, program: Program, source: str) -> Emitted:
    """Add a program that reads the value ``source``."""
    shapes = infer_shapes(program)
    (entry,) = program.inputs
    names = {entry: source}
    for name, tensor in program.tensors.items():
        names[name] = emit_tensor(builder, f"{program.name}/{name}", tensor)
    for node in program.nodes:
        names[node.output] = _emit_node(builder, program, node, names)
    return Emitted(program, names, shapes)


def _emit_node(
    builder: GraphBuilder, program: Program, node: Node, names: Mapping[str, str]
) -> str:
    inputs = [names[name] for name in node.inputs]
    stem = f"{program.name}/{node.output}"
    attributes: dict[str, Attribute] = dict(node.attributes)
    if node.op == "Reshape":
        return emit_reshape(builder, inputs[0], _shape(attributes.pop("shape")), stem)
    return builder.add(node.op, inputs, stem, **attributes)


def emit_reshape(builder: GraphBuilder, value: str, shape: Shape, stem: str = "Reshape") -> str:
    """Reshape to [batch, *shape]; ONNX reads a 0 as "this axis as it is"."""
    target = builder.integers([0, *shape], f"{stem}.shape")
    return builder.add("Reshape", [value, target], stem)


def _shape(value: Attribute) -> Shape:
    if not isinstance(value, tuple):
        raise TypeError(f"a shape is a tuple, not {value!r}")
    return tuple(int(size) for size in value)
