"""A program's nodes as ONNX nodes, one to one."""

from collections.abc import Mapping
from dataclasses import dataclass

from bitprior_export.graphs.builder import GraphBuilder
from bitprior_export.graphs.operands import emit_operands
from bitprior_export.graphs.weights import emit_tensor
from bitprior_runtime.program import Node, Program, Shape
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
        names[node.output] = _emit_node(builder, program, node, names, shapes)
    return Emitted(program, names, shapes)


def _emit_node(
    builder: GraphBuilder,
    program: Program,
    node: Node,
    names: Mapping[str, str],
    shapes: Mapping[str, Shape],
) -> str:
    inputs = [names[name] for name in node.inputs]
    stem = f"{program.name}/{node.output}"
    operands, attributes = emit_operands(builder, node, shapes[node.inputs[0]], stem)
    return builder.add(node.op, [*inputs, *operands], stem, **attributes)
