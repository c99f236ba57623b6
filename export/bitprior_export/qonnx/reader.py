"""Read a QONNX file into a program: the only door into export. Needs no torch."""

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from onnx import ModelProto, TensorProto

from bitprior_export.errors import InterfaceError, UnsupportedOpError
from bitprior_export.qonnx.batch import free_batch
from bitprior_export.qonnx.builder import ProgramBuilder
from bitprior_export.qonnx.document import open_onnx
from bitprior_runtime.ops import OPS
from bitprior_runtime.program import Program, Shape
from bitprior_runtime.shapes import infer_shapes


def read_program(
    path: str | os.PathLike[str], name: str, input_name: str, output_name: str
) -> Program:
    """Read a cleaned QONNX or float ONNX file.

    Weights behind Quant or BipolarQuant nodes become integer codes that give back the node's
    output exactly; other constants stay float32. A BatchNormalization is folded into the layer
    before it where possible: its scales and bias change, its codes do not, but for their sign. The
    batch axis is free in the program, whatever
    the file says.

    Args:
        path: The file.
        name: The program's name, ``"generator"`` or ``"sensing"``.
        input_name: Name its input gets, whatever the file calls it.
        output_name: Name its output gets.

    Raises:
        MissingFileError: No such file, or too large.
        QonnxError: The file is malformed, its inputs and outputs do not fit, or it holds a
            quantiser that codes cannot express.
        UnsupportedOpError: Some nodes fit no program; it lists them all.
    """
    return translate(open_onnx(path), name, input_name, output_name).program


@dataclass(frozen=True, eq=False)
class Translation:
    """A program and the graph it came from.

    Attributes:
        program: The program.
        model: The graph.
        names: The graph's names of the program's activations.
    """

    program: Program
    model: ModelProto
    names: Mapping[str, str]


def translate(model: ModelProto, name: str, input_name: str, output_name: str) -> Translation:
    """Turn an opened model into a program; see :func:`read_program`."""
    source, batch, shape = _single_input(model)
    if len(model.graph.output) != 1:
        found = [value.name for value in model.graph.output]
        raise _interface("one output", f"{len(found)}: {found[:5]!a}")
    target = model.graph.output[0].name
    reads = Counter(name for node in model.graph.node for name in node.input)
    reads[target] += 1
    builder = ProgramBuilder({source: input_name, target: output_name}, batch, reads)
    builder.add_input(source, shape)
    for tensor in model.graph.initializer:
        builder.add_constant(tensor)
    for node in model.graph.node:
        builder.add_node(node)
    if builder.offenders:
        raise UnsupportedOpError(builder.offenders, tuple(OPS))
    program = Program(name, {input_name: shape}, output_name, builder.nodes, builder.tensors)
    infer_shapes(program)
    if batch is not None:
        model = free_batch(model, batch)
    return Translation(program, model, builder.origins)


def _single_input(model: ModelProto) -> tuple[str, int | None, Shape]:
    """Return the input's name, its batch size (None if free) and its shape without it."""
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    if len(inputs) != 1:
        raise _interface("one input", f"{len(inputs)}: {[v.name for v in inputs[:5]]!a}")
    kind = inputs[0].type
    if not kind.HasField("tensor_type") or kind.tensor_type.elem_type != TensorProto.FLOAT:
        raise _interface("a float32 input", f"{inputs[0].name!a} of another type")
    axes = kind.tensor_type.shape.dim
    sizes = [axis.dim_value if axis.HasField("dim_value") else None for axis in axes]
    if len(sizes) < 2 or any(size is None or size < 1 for size in sizes[1:]):
        raise _interface(
            "an input [batch, ...] with every size but the batch fixed",
            f"sizes {[axis.dim_param or axis.dim_value for axis in axes]}",
        )
    return inputs[0].name, sizes[0], tuple(size for size in sizes[1:] if size is not None)


def _interface(expected: str, found: str) -> InterfaceError:
    return InterfaceError(
        expected, found, "export the network with one image or latent in and one tensor out"
    )
