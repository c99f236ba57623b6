"""Graphs of fully convolutional programs: maps in, maps out, height and width free.

Latents are maps [B,C,h,w] here, not flat: what makes maps of a flat input in the program, its first
Reshape, is left out, and nothing else of the program or of its adjoint knows the frame.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast

import onnx
from onnx import TensorProto, ValueInfoProto, helper

from bitprior_export.graphs.adjoint import emit_adjoint
from bitprior_export.graphs.builder import GraphBuilder
from bitprior_export.graphs.form import PORTABLE, Form
from bitprior_export.graphs.forward import emit_forward
from bitprior_runtime.errors import ProgramError
from bitprior_runtime.program import Program, Shape
from bitprior_runtime.shapes import infer_shapes


@dataclass(frozen=True)
class Ends:
    """Public names of a graph's values and of their free axes.

    Attributes:
        source: The input.
        target: The output.
        source_axes: Height and width of the input.
        target_axes: Those of the output.
    """

    source: str
    target: str
    source_axes: tuple[str, str]
    target_axes: tuple[str, str]


def on_maps(program: Program) -> Program:
    """Return a program that takes maps in the place of its flat input.

    Raises:
        ProgramError: It does not begin with one Reshape to maps.
    """
    (source,) = program.inputs
    readers = [node for node in program.nodes if source in node.inputs]
    first = readers[0]
    shape = first.attributes.get("shape", ())
    if len(readers) != 1 or first.op != "Reshape" or len(cast(Shape, shape)) != 3:
        raise ProgramError(
            f"a {program.name} that begins with one Reshape to maps",
            f"{source!r} read by {', '.join(node.op for node in readers)}",
            "export it without ONNX files: --targets none",
        )
    nodes = tuple(
        replace(node, inputs=tuple(source if n == first.output else n for n in node.inputs))
        for node in program.nodes
        if node is not first
    )
    return replace(program, inputs={source: cast(Shape, shape)}, nodes=nodes)


def build_on_maps(
    name: str, program: Program, ends: Ends, metadata: Mapping[str, str], form: Form = PORTABLE
) -> onnx.ModelProto:
    """Return the graph of a program, at any frame.

    Args:
        name: Of the graph.
        program: A fully convolutional program.
        ends: Names of input and output.
        metadata: What the file says about itself.
        form: Versions and batch.

    Raises:
        ProgramError: The program does not begin with one Reshape to maps.
    """
    maps = on_maps(program)
    builder = GraphBuilder(name, form)
    emitted = emit_forward(builder, maps, builder.fresh(ends.source))
    builder.rename_output(emitted.output, ends.target)
    source, target = _values(builder, maps, ends)
    return builder.model({ends.source: source}, {ends.target: target}, metadata)


def build_vjp_on_maps(
    name: str, program: Program, ends: Ends, metadata: Mapping[str, str], form: Form = PORTABLE
) -> onnx.ModelProto:
    """Return the graph of a program's vector-Jacobian product, at any frame.

    Its inputs are the program's, unless the product does not depend on it, and ``cotangent``, of
    the shape of the program's output; its output is ``gradient``, of that of the input.

    Args:
        name: Of the graph.
        program: A fully convolutional program.
        ends: Names of the program's input and output.
        metadata: What the file says about itself.
        form: Versions and batch.

    Raises:
        ProgramError: The program does not begin with one Reshape to maps.
    """
    maps = on_maps(program)
    builder = GraphBuilder(name, form)
    emitted = emit_forward(builder, maps, builder.fresh(ends.source))
    gradient = emit_adjoint(builder, emitted, builder.fresh("cotangent"))
    builder.rename_output(gradient, "gradient")
    source, target = _values(builder, maps, ends)
    _prune(builder, "gradient")
    inputs = {ends.source: source, "cotangent": _named(target, "cotangent")}
    read = {value for node in builder.nodes for value in node.input}
    kept = {key: value for key, value in inputs.items() if key in read}
    return builder.model(kept, {"gradient": _named(source, "gradient")}, metadata)


def _values(
    builder: GraphBuilder, program: Program, ends: Ends
) -> tuple[ValueInfoProto, ValueInfoProto]:
    (shape,) = program.inputs.values()
    drawn = infer_shapes(program)[program.output]

    def value(name: str, channels: int, axes: tuple[str, str]) -> ValueInfoProto:
        return helper.make_tensor_value_info(
            name, TensorProto.FLOAT, [builder.rows, channels, *axes]
        )

    return (
        value(ends.source, shape[0], ends.source_axes),
        value(ends.target, drawn[0], ends.target_axes),
    )


def _named(value: ValueInfoProto, name: str) -> ValueInfoProto:
    copy = ValueInfoProto()
    copy.CopyFrom(value)
    copy.name = name
    return copy


def _prune(builder: GraphBuilder, output: str) -> None:
    """Drop the nodes that a graph's output does not depend on, and their constants."""
    wanted, kept = {output}, []
    for node in reversed(builder.nodes):
        if wanted.intersection(node.output):
            kept.append(node)
            wanted.update(node.input)
    builder.nodes[:] = kept[::-1]
    builder.initialisers[:] = [t for t in builder.initialisers if t.name in wanted]
