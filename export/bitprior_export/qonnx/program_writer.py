"""Write a program as QONNX: the mirror of the reader, for the tools around QONNX and FINN.

The weights are float initialisers behind ``Quant`` nodes that round them to what they are:

| grid | Quant |
|---|---|
| ``wide``, ``narrow`` | b bits, signed, zero point 0 |
| ``binary`` | 1 bit, signed: qonnx takes it as bipolar, -1 and +1 |
| ``mid-rise`` | b bits, signed, twice the scale, zero point -1/2: (q + 1/2) 2 s = (2q + 1) s |

``BipolarQuant`` means the same at 1 bit, but qonnx's cost analysis counts its scaled weights as
32-bit floats, and those of a 1-bit ``Quant`` as 1 bit. qonnx has no data type for a zero point
other than 0: it counts mid-rise weights as floats.
"""

from collections.abc import Mapping
from typing import Any

import onnx
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper

from bitprior_export.graphs.builder import BATCH, GraphBuilder
from bitprior_export.graphs.operands import emit_operands
from bitprior_export.qonnx.properties import properties
from bitprior_runtime.program import Node, Program, Shape
from bitprior_runtime.shapes import infer_shapes
from bitprior_runtime.tensors import QuantisedTensor
from bitprior_runtime.version import __version__

# Pinned: onnx's own default is ahead of onnxruntime's kernels, in which qonnx runs a graph.
OPSET = 21
IR_VERSION = 10
DOMAIN = "qonnx.custom_op.general"
# Version 2 of the domain changed Trunc alone.
_DOMAIN_VERSION = 2
_CONVOLUTIONS = ("Conv", "ConvTranspose")


def program_to_qonnx(program: Program, metadata: Mapping[str, object]) -> ModelProto:
    """Return a program as a QONNX model with a free batch axis.

    ``translate(program_to_qonnx(p), ...)`` gives p's values again. Every tensor keeps its name, and
    a node has the name of the tensor it writes.

    Args:
        program: The program, one input.
        metadata: Facts for the file's properties: bits, geometry, value_range...

    Raises:
        UsageError: A fact is no JSON value.
        ProgramError: The program is malformed.
    """
    shapes = infer_shapes(program)
    (entry,) = program.inputs
    builder = GraphBuilder(program.name)
    names = {entry: builder.fresh(entry)}
    # Outputs first: a constant that ONNX needs beside a program's own must not take their names.
    for node in program.nodes:
        names[node.output] = builder.fresh(node.output)
    for name, tensor in program.tensors.items():
        if isinstance(tensor, QuantisedTensor):
            names[name] = _emit_quantised(builder, name, tensor)
        else:
            names[name] = builder.constant(tensor.array, name)
    for node in program.nodes:
        _emit_node(builder, node, names, shapes)
    graph = helper.make_graph(
        builder.nodes,
        program.name,
        [_value(names[entry], shapes[entry])],
        [_value(names[program.output], shapes[program.output])],
        builder.initialisers,
        value_info=_quantised_values(program, names),
    )
    model = helper.make_model(
        graph,
        opset_imports=[
            helper.make_opsetid("", OPSET),
            helper.make_opsetid(DOMAIN, _DOMAIN_VERSION),
        ],
        ir_version=IR_VERSION,
        producer_name="bitprior",
        producer_version=__version__,
    )
    helper.set_model_props(model, properties(program.name, metadata))
    onnx.checker.check_model(model)
    return model


def _emit_node(
    builder: GraphBuilder, node: Node, names: Mapping[str, str], shapes: Mapping[str, Shape]
) -> None:
    inputs = [names[name] for name in node.inputs]
    operands, attributes = emit_operands(builder, node, shapes[node.inputs[0]], node.output)
    if node.op in _CONVOLUTIONS:  # ONNX lets it be left out, qonnx does not
        attributes["kernel_shape"] = shapes[node.inputs[1]][2:]
    output = names[node.output]
    builder.nodes.append(
        helper.make_node(node.op, [*inputs, *operands], [output], name=output, **attributes)
    )


def _emit_quantised(builder: GraphBuilder, name: str, tensor: QuantisedTensor) -> str:
    """Add a weight and its quantiser; return the name of the quantised weight."""
    spread = _scale(tensor)
    mid_rise = tensor.grid == "mid-rise"
    inputs = [
        builder.constant(tensor.values(), name),
        builder.constant(spread * 2 if mid_rise else spread, f"{name}.scale"),
        builder.scalar(-0.5 if mid_rise else 0.0, f"{name}.zero_point"),
        builder.scalar(tensor.bits, f"{name}.bit_width"),
    ]
    output = builder.fresh(f"{name}.quantised")
    builder.nodes.append(
        helper.make_node(
            "Quant",
            inputs,
            [output],
            name=f"{name}/Quant",
            domain=DOMAIN,
            signed=1,
            narrow=int(tensor.grid == "narrow"),
            rounding_mode="ROUND",
        )
    )
    return output


def _scale(tensor: QuantisedTensor) -> NDArray[Any]:
    if tensor.axis is None:
        return tensor.scale
    shape = [1] * tensor.codes.ndim
    shape[tensor.axis] = -1
    return tensor.scale.reshape(shape)


def _quantised_values(program: Program, names: Mapping[str, str]) -> list[onnx.ValueInfoProto]:
    """Return the shapes that ONNX, which does not know Quant, cannot work out."""
    return [
        helper.make_tensor_value_info(names[name], TensorProto.FLOAT, tensor.shape)
        for name, tensor in program.tensors.items()
        if isinstance(tensor, QuantisedTensor)
    ]


def _value(name: str, shape: Shape) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [BATCH, *shape])
