"""Make the values inside a graph its outputs, in a copy, so that they can be compared."""

from collections.abc import Sequence

import onnx
from onnx import AttributeProto, GraphProto, helper

from bitprior_export.graphs.builder import COTANGENT


def one_step(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return one turn of the loop of ``recover.onnx`` as a graph of its own.

    Its inputs are those of the body, see :mod:`bitprior_export.graphs.recover_step`, and y, beta,
    max_steps and tolerance; all it computes can be exposed.
    """
    (loop,) = (node for node in model.graph.node if node.op_type == "Loop")
    (body,) = (a.g for a in loop.attribute if a.type == AttributeProto.GRAPH)
    graph = helper.make_graph(
        [*_needed(model.graph, body), *body.node],
        body.name,
        [*body.input, *(value for value in model.graph.input if value.name != "z0")],
        body.output,
        model.graph.initializer,
    )
    step = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    helper.set_model_props(step, {entry.key: entry.value for entry in model.metadata_props})
    return step


def _needed(outer: GraphProto, body: GraphProto) -> list[onnx.NodeProto]:
    """Return the nodes of the outer graph that the body reads, directly or not."""
    wanted = {name for node in body.node for name in node.input}
    needed = []
    for node in reversed(outer.node):
        if wanted.intersection(node.output):
            needed.append(node)
            wanted.update(node.input)
    return needed[::-1]


def exposed(model: onnx.ModelProto, names: Sequence[str]) -> bytes:
    """Return the bytes of a copy whose outputs are some of its values."""
    typed = onnx.shape_inference.infer_shapes(model).graph
    types = {
        value.name: value.type.tensor_type.elem_type
        for value in (*typed.input, *typed.value_info, *typed.output)
    }
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.graph.output[:]
    copy.graph.output.extend(
        helper.make_tensor_value_info(name, types[name], None) for name in names
    )
    data: bytes = copy.SerializeToString()
    return data


def computed_values(model: onnx.ModelProto) -> dict[str, str]:
    """Return the values that depend on the graph's inputs, in order, with the op that writes each.

    Weights that the graph unpacks are not among them.
    """
    moving = {value.name for value in model.graph.input}
    found: dict[str, str] = {}
    for node in model.graph.node:
        if moving.intersection(node.input):
            moving.update(node.output)
            found.update((name, node.op_type) for name in node.output if name)
    return found


def cotangent_name(program: str, tensor: str) -> str:
    """Return the name of the cotangent of a program's tensor in a graph."""
    return f"{program}/{tensor}{COTANGENT}"
