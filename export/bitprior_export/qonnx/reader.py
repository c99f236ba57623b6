"""Read a QONNX file into a program: the only door into export. Needs no torch."""

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from onnx import ModelProto

from bitprior_export.errors import UnsupportedOpError
from bitprior_export.qonnx.builder import ProgramBuilder
from bitprior_export.qonnx.document import open_onnx
from bitprior_export.qonnx.executable import executable
from bitprior_export.qonnx.interface import opset, single_input, single_output
from bitprior_runtime.budget import check_budget
from bitprior_runtime.bundle.limits import MAX_PROGRAM_BYTES
from bitprior_runtime.ops import OPS
from bitprior_runtime.program import Program


def read_program(
    path: str | os.PathLike[str], name: str, input_name: str, output_name: str
) -> Program:
    """Read a QONNX or float ONNX file.

    Weights behind Quant or BipolarQuant nodes, or ONNX's own QuantizeLinear and DequantizeLinear,
    become integer codes that give back these nodes' output exactly; other constants stay float32.
    What the graph computes of constants and of shapes is computed here. A BatchNormalization is
    folded into the layer before it where possible: its scales and bias change, its codes do not,
    but for their sign. The batch axis is free in the program, whatever the file says.

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
        model: The graph as qonnx's executor runs it, at any batch size by ``batch.at_batch``.
        names: The graph's names of the program's activations.
    """

    program: Program
    model: ModelProto
    names: Mapping[str, str]


def translate(
    model: ModelProto,
    name: str,
    input_name: str,
    output_name: str,
    weight_bits: int | None = None,
) -> Translation:
    """Turn an opened model into a program; see :func:`read_program`.

    Args:
        model: The model.
        name: The program's name.
        input_name: Name its input gets.
        output_name: Name its output gets.
        weight_bits: Bits that float weights of layers are quantised to after training, 1 to 8;
            None leaves them as they are.
    """
    source, batch, shape = single_input(model)
    target = single_output(model)
    reads = Counter(name for node in model.graph.node for name in node.input)
    reads[target] += 1
    builder = ProgramBuilder(
        {source: input_name, target: output_name}, target, reads, batch, opset(model), weight_bits
    )
    builder.add_input(source, shape)
    for tensor in model.graph.initializer:
        builder.add_constant(tensor)
    for node in model.graph.node:
        builder.add_node(node)
    if builder.offenders:
        raise UnsupportedOpError(builder.offenders, tuple(OPS))
    program = Program(name, {input_name: shape}, output_name, builder.nodes, builder.tensors)
    check_budget((program,), MAX_PROGRAM_BYTES)
    return Translation(program, executable(model, builder, batch), builder.origins)
