"""Let a forward graph compute in float16; its inputs and outputs stay float32."""

import numpy as np
import onnx
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

_HALF = ".half"
# The region and the scales of Resize are float32 by definition.
_ALWAYS_FLOAT = {"Resize": (1, 2)}


def to_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph in float16.

    Weights are unpacked in float32 and rounded once; a runtime folds both when it loads the model.

    Args:
        model: A graph whose outputs are written by Identity nodes, as ``build_generate`` and
            ``build_sense`` return it.
    """
    converted = onnx.ModelProto()
    converted.CopyFrom(model)
    graph = converted.graph
    floats = _float_values(model)
    moving = {value.name for value in graph.input}
    nodes: list[NodeProto] = []
    casts: set[str] = set()
    outputs = {value.name for value in graph.output}
    for node in graph.node:
        if not moving.intersection(node.input):
            nodes.append(node)  # part of unpacking a weight
            continue
        moving.update(node.output)
        nodes += _casts(node, floats, moving - outputs, casts, {v.name for v in graph.input})
        nodes.append(_output(node) if outputs.intersection(node.output) else node)
    del graph.node[:]
    graph.node.extend(nodes)
    _convert_initialisers(graph)
    onnx.checker.check_model(converted, full_check=True)
    return converted


def _float_values(model: onnx.ModelProto) -> set[str]:
    """Return the names of all float32 values."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    typed = [*graph.input, *graph.value_info, *graph.output]
    found = {v.name for v in typed if v.type.tensor_type.elem_type == TensorProto.FLOAT}
    return found | {t.name for t in graph.initializer if t.data_type == TensorProto.FLOAT}


def _casts(
    node: NodeProto, floats: set[str], computed: set[str], casts: set[str], inputs: set[str]
) -> list[NodeProto]:
    """Let a node read float16 values; return the casts it needs that are not there yet."""
    added = []
    for index, name in enumerate(node.input):
        kept = index in _ALWAYS_FLOAT.get(node.op_type, ())
        if kept or name not in floats or (name in computed and name not in inputs):
            continue
        node.input[index] = f"{name}{_HALF}"
        if name not in casts:
            casts.add(name)
            added.append(_cast(name, f"{name}{_HALF}", TensorProto.FLOAT16))
    return added


def _output(node: NodeProto) -> NodeProto:
    if node.op_type != "Identity":
        raise ValueError(f"an output is written by Identity, not by {node.op_type}")
    return _cast(node.input[0], node.output[0], TensorProto.FLOAT)


def _cast(source: str, target: str, to: int) -> NodeProto:
    return helper.make_node("Cast", [source], [target], name=target, to=to)


def _convert_initialisers(graph: GraphProto) -> None:
    """Store an initialiser that is only ever cast as float16 itself."""
    readers: dict[str, list[NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    for tensor in graph.initializer:
        found = readers.get(tensor.name, [])
        if [(node.op_type, *node.output) for node in found] == [("Cast", f"{tensor.name}{_HALF}")]:
            values = numpy_helper.to_array(tensor).astype(np.float16)
            graph.node.remove(found[0])
            tensor.CopyFrom(numpy_helper.from_array(values, f"{tensor.name}{_HALF}"))
