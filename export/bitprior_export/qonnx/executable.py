"""A stranger's graph in the form that qonnx's executor runs, at any batch size."""

from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from bitprior_export.qonnx.builder import ProgramBuilder
from bitprior_export.qonnx.interface import opset, single_input, single_output
from bitprior_export.qonnx.quantisers import DOMAINS
from bitprior_export.qonnx.site import BATCH_MARK, STANDARD

# qonnx's executor looks up every input, also the empty names of those left out. By op and place:
# what says the same as nothing.
_LEFT_OUT: dict[tuple[str, int], Any] = {
    ("Resize", 1): np.zeros(0, dtype=np.float32),
    ("Resize", 2): np.zeros(0, dtype=np.float32),
    ("Clip", 1): np.float32(np.finfo(np.float32).min),
    ("Pad", 2): np.float32(0),
    ("Dropout", 1): np.float32(0.5),
}
# Where a shape with the batch in it is an input.
_SHAPES = {"Reshape": 1, "Resize": 3}
_QONNX, _QONNX_VERSION = DOMAINS[0], 2


def executable(model: ModelProto, builder: ProgramBuilder, batch: int | None) -> ModelProto:
    """Return the graph with constants for all that was folded and BATCH_MARK for the batch.

    Weights behind QONNX's quantisers stay behind them: qonnx computes them by itself.

    Args:
        model: The graph.
        builder: What was made of it.
        batch: Batch size it is fixed to, or None.
    """
    constants = dict(builder.values.constants)
    nodes = [_plain(node) for node in model.graph.node if not builder.folded & set(node.output)]
    for node in nodes:
        _fill_in(node, constants)
        place = _SHAPES.get(node.op_type)
        if place is not None and len(node.input) > place and node.input[place] in constants:
            sizes = np.array(constants[node.input[place]])
            if sizes.size and sizes[0] == batch:
                sizes[0] = BATCH_MARK
                node.input[place] = f"{node.output[0]}.sizes"
                constants[node.input[place]] = sizes
    source, _, shape = single_input(model)
    target = single_output(model)
    read = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(source, TensorProto.FLOAT, ["batch", *shape])],
        [
            helper.make_tensor_value_info(
                target, TensorProto.FLOAT, ["batch", *(builder.values.shapes[target] or ())]
            )
        ],
        [
            numpy_helper.from_array(np.ascontiguousarray(value), name)
            for name, value in constants.items()
            if name in read
        ],
    )
    imports = [helper.make_opsetid("", opset(model)), helper.make_opsetid(_QONNX, _qonnx(model))]
    return helper.make_model(graph, opset_imports=imports, ir_version=model.ir_version)


def _qonnx(model: ModelProto) -> int:
    versions = [entry.version for entry in model.opset_import if entry.domain in DOMAINS]
    return versions[0] if versions else _QONNX_VERSION


def _plain(node: NodeProto) -> NodeProto:
    """Return a copy of a node in the domain that qonnx calls its own."""
    copy = NodeProto()
    copy.CopyFrom(node)
    if node.domain not in STANDARD:
        copy.domain = _QONNX
    return copy


def _fill_in(node: NodeProto, constants: dict[str, Any]) -> None:
    for index, name in enumerate(node.input):
        if not name and (node.op_type, index) in _LEFT_OUT:
            node.input[index] = f"{node.output[0]}.input{index}"
            constants[node.input[index]] = np.asarray(_LEFT_OUT[node.op_type, index])
