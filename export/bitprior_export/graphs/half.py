"""Let a forward graph compute in float16; its inputs and outputs stay float32."""

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

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
    floats = _float_values(model)
    inputs = {value.name for value in model.graph.input}
    outputs = {value.name for value in model.graph.output}
    computed: set[str] = set()
    casts: set[str] = set()
    nodes: list[NodeProto] = []
    for original in model.graph.node:
        if not (inputs | computed).intersection(original.input):
            nodes.append(original)  # part of unpacking a weight
            continue
        node = NodeProto()
        node.CopyFrom(original)
        nodes += _casts(node, floats - computed, casts)
        nodes.append(_output(node) if outputs.intersection(node.output) else node)
        computed.update(node.output)
    nodes, initialisers = _round_initialisers(nodes, list(model.graph.initializer))
    graph = helper.make_graph(
        nodes, model.graph.name, model.graph.input, model.graph.output, initialisers
    )
    converted = helper.make_model(
        graph,
        opset_imports=model.opset_import,
        ir_version=model.ir_version,
        producer_name=model.producer_name,
        producer_version=model.producer_version,
    )
    helper.set_model_props(converted, {p.key: p.value for p in model.metadata_props})
    onnx.checker.check_model(converted, full_check=True)
    return converted


def _float_values(model: onnx.ModelProto) -> set[str]:
    """Return the names of all float32 values."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    typed = [*graph.input, *graph.value_info, *graph.output]
    found = {v.name for v in typed if v.type.tensor_type.elem_type == TensorProto.FLOAT}
    return found | {t.name for t in graph.initializer if t.data_type == TensorProto.FLOAT}


def _casts(node: NodeProto, floats: set[str], casts: set[str]) -> list[NodeProto]:
    """Let a node read float16 values; return the casts it needs that are not there yet.

    Args:
        node: The node; it is changed.
        floats: Values that are float32: inputs, constants and unpacked weights.
        casts: Values that were cast before; the new ones are added.
    """
    added = []
    for index, name in enumerate(node.input):
        if name not in floats or index in _ALWAYS_FLOAT.get(node.op_type, ()):
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


def _round_initialisers(
    nodes: list[NodeProto], initialisers: list[TensorProto]
) -> tuple[list[NodeProto], list[TensorProto]]:
    """Store constants that are only ever cast as float16 themselves, without the cast."""
    names = {tensor.name for tensor in initialisers}
    casts = {node.input[0] for node in nodes if list(node.output) == [f"{node.input[0]}{_HALF}"]}
    others = {
        name for node in nodes for name in node.input if list(node.output) != [f"{name}{_HALF}"]
    }
    rounded = (casts & names) - others
    kept = [node for node in nodes if not (len(node.input) == 1 and node.input[0] in rounded)]
    return kept, [_rounded(t) if t.name in rounded else t for t in initialisers]


def _rounded(tensor: TensorProto) -> TensorProto:
    values = numpy_helper.to_array(tensor).astype(np.float16)
    return numpy_helper.from_array(values, f"{tensor.name}{_HALF}")
