"""Make the values inside a graph its outputs, in a copy, so that they can be compared."""

from collections.abc import Sequence

import onnx
from onnx import AttributeProto, GraphProto, helper

from bitprior_export.graphs.builder import COTANGENT

STEP_INPUTS = ("t", "still_going", "step/z", "step/before", "step/stopped")


def one_step(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return one turn of the loop of ``recover.onnx`` as a graph of its own.

    Its inputs are those of the body (t, still_going, step/z, step/before, step/stopped) and y,
    beta, max_steps and tolerance; all it computes can be exposed.
    """
    (loop,) = (node for node in model.graph.node if node.op_type == "Loop")
    (body,) = (a.g for a in loop.attribute if a.type == AttributeProto.GRAPH)
    needed = _needed(model.graph, body)
    step = onnx.ModelProto()
    step.CopyFrom(model)
    graph = step.graph
    del graph.node[:], graph.input[:], graph.output[:], graph.value_info[:]
    graph.node.extend([*needed, *body.node])
    graph.input.extend([*body.input, *(v for v in model.graph.input if v.name != "z0")])
    graph.output.extend(body.output)
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


def value_names(model: onnx.ModelProto) -> list[str]:
    """Return the names of all values that nodes write, in order."""
    return [name for node in model.graph.node for name in node.output if name]


def cotangent_name(program: str, tensor: str) -> str:
    """Return the name of the cotangent of a program's tensor in a graph."""
    return f"{program}/{tensor}{COTANGENT}"
