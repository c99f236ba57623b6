"""Readable names: tensors after the torch module they come from, also after qonnx's cleanup.

``layers.0.weight`` feeds the node ``layers.0.weight/Quant``, which writes
``layers.0.weight.quantised``; the node ``layers.0/Gemm`` writes ``layers.0``. Nodes outside any
leaf module are named after their op: ``Mul`` writes ``mul``.
"""

import re
from collections.abc import Collection

from onnx import GraphProto, ModelProto, NodeProto

QUANTISERS = ("Quant", "BipolarQuant")
_HANDLER = "weight_quant.export_handler"
# TorchScript calls a module's second call act_1, its third act_2.
_COUNTER = re.compile(r"_\d+$")


def mark_origins(model: ModelProto) -> None:
    """Note each node's exported name in its ``doc_string``: cleanup renames, but keeps that."""
    for node in model.graph.node:
        node.doc_string = node.name


def module_path(node_name: str) -> str:
    """Return the path of the torch module in a TorchScript node name.

    ``/layers/layers.0/weight_quant/export_handler/Quant`` is in
    ``layers.0.weight_quant.export_handler``: children of containers repeat their parent's name.
    """
    path: list[str] = []
    last = None
    for part in node_name.strip("/").split("/")[:-1]:
        if last is not None and part.startswith(f"{last}."):
            path.append(part.removeprefix(f"{last}."))
        else:
            path.append(part)
        last = part
    return ".".join(path)


def name_after_modules(
    model: ModelProto, leaves: Collection[str], input_name: str, output_name: str
) -> None:
    """Rename all nodes and tensors of a cleaned graph with one input and one output.

    Args:
        model: The model, its origins marked by :func:`mark_origins`; the marks are removed.
        leaves: Paths of the torch modules that have no submodules or are quantised layers.
        input_name: New name of the graph's input.
        output_name: New name of the graph's output.
    """
    graph = model.graph
    names = _Names()
    constants = {tensor.name for tensor in graph.initializer}
    tensors = {
        graph.input[0].name: names.claim(input_name),
        graph.output[0].name: names.claim(output_name),
    }
    node_names = _Names()
    for node in graph.node:
        scope, stem = _scope_and_stem(node, leaves)
        node.name = node_names.claim(f"{scope}/{node.op_type}" if scope else node.op_type)
        for index, name in enumerate(node.input):
            if name in constants:
                tensors.setdefault(name, names.claim(_constant_name(node, stem, index)))
        written = f"{stem}.quantised" if node.op_type in QUANTISERS else stem
        for name in node.output:
            if name not in tensors:
                tensors[name] = names.claim(written)
        node.doc_string = ""
    _rename(graph, tensors)


class _Names:
    """Names not taken yet."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def claim(self, wish: str) -> str:
        name, count = wish, 1
        while name in self._taken:
            count += 1
            name = f"{wish}_{count}"
        self._taken.add(name)
        return name


def _scope_and_stem(node: NodeProto, leaves: Collection[str]) -> tuple[str, str]:
    """Return what a node's name starts with, and what the names of its tensors start with."""
    path = module_path(node.doc_string)
    called_again = _COUNTER.sub("", path)
    if path not in leaves and called_again in leaves:
        path = called_again
    if node.op_type in QUANTISERS and path.endswith(_HANDLER):
        weight = path.removesuffix(_HANDLER) + "weight"
        return weight, weight
    if path in leaves and path:
        return path, path
    op = node.op_type.lower()
    return path, f"{path}.{op}" if path else op


def _constant_name(node: NodeProto, stem: str, index: int) -> str:
    if node.op_type in QUANTISERS:
        return stem + ("", ".scale", ".zero_point", ".bit_width")[index]
    if node.op_type in ("Gemm", "MatMul", "Conv", "ConvTranspose"):
        return stem + (".data", ".weight", ".bias")[index]
    if node.op_type == "BatchNormalization":
        return stem + (".data", ".weight", ".bias", ".running_mean", ".running_var")[index]
    return f"{stem}.shape" if node.op_type == "Reshape" else f"{stem}.constant"


def _rename(graph: GraphProto, tensors: dict[str, str]) -> None:
    for node in graph.node:
        node.input[:] = [tensors.get(name, name) for name in node.input]
        node.output[:] = [tensors.get(name, name) for name in node.output]
    for value in (*graph.initializer, *graph.input, *graph.output, *graph.value_info):
        value.name = tensors.get(value.name, value.name)
    for annotation in graph.quantization_annotation:
        annotation.tensor_name = tensors.get(annotation.tensor_name, annotation.tensor_name)
