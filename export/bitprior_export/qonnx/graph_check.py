"""What a hostile ONNX graph could hide, looked for before anything of it is used."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping

from onnx import AttributeProto, GraphProto, ModelProto, TensorProto, helper

from bitprior_export.errors import (
    CyclicGraphError,
    DuplicateNameError,
    ExternalDataError,
    LocalFunctionError,
    MalformedOnnxError,
    SizeLimitError,
    SparseTensorError,
    SubgraphError,
    TensorDataError,
    TensorTypeError,
)

MAX_RANK = 8
MAX_VALUES = 2**28
MAX_NODE_TENSORS = 4096
MAX_ATTRIBUTE_VALUES = 4096
MAX_NAME = 4096
_GRAPHS = (AttributeProto.GRAPH, AttributeProto.GRAPHS)
_SPARSE = (AttributeProto.SPARSE_TENSOR, AttributeProto.SPARSE_TENSORS)
# Texts, complex numbers, and no type at all.
_NO_NUMBERS = (
    TensorProto.STRING,
    TensorProto.COMPLEX64,
    TensorProto.COMPLEX128,
    TensorProto.UNDEFINED,
)
# Values of these types share a byte, or an entry of int32_data.
_PACKED: Mapping[int, int] = {
    getattr(TensorProto, name): bits
    for name, bits in (
        ("INT4", 4),
        ("UINT4", 4),
        ("FLOAT4E2M1", 4),
        ("INT2", 2),
        ("UINT2", 2),
    )
    if hasattr(TensorProto, name)
}


def check_graph(model: ModelProto) -> None:
    """Check all that a graph of plain nodes and tensors may not have.

    Raises:
        LocalFunctionError, SubgraphError, SparseTensorError: It has what the name says.
        ExternalDataError: Tensors lie in other files.
        TensorTypeError, TensorDataError: A tensor is not numbers, or not as many as its shape.
        SizeLimitError: Too many inputs of a node or values of an attribute.
        DuplicateNameError, CyclicGraphError: Its tensors are no directed acyclic graph.
    """
    if model.functions:
        raise LocalFunctionError(
            "a graph without functions",
            ", ".join(ascii(function.name)[:60] for function in model.functions[:5]),
            "inline them with onnx.inliner.inline_local_functions",
        )
    _check_texts(model.graph)
    _check_nodes(model.graph)
    if model.graph.sparse_initializer:
        raise _sparse(f"{len(model.graph.sparse_initializer)} sparse initialisers")
    _check_self_contained(model.graph)
    for tensor in _tensors(model.graph):
        check_tensor(tensor)
    _check_names(model.graph)
    _check_order(model.graph)


def check_tensor(tensor: TensorProto) -> None:
    """Check type, shape and length of a tensor, before it becomes an array.

    Raises:
        TensorTypeError: Text, complex numbers or an unknown type.
        TensorDataError: A negative size, too many values, or not as many as announced.
    """
    kind, label = tensor.data_type, ascii(tensor.name)[:80]
    if kind not in TensorProto.DataType.values() or kind in _NO_NUMBERS:
        name = TensorProto.DataType.Name(kind) if kind in _NO_NUMBERS else f"type {kind}"
        raise TensorTypeError(
            f"numbers in {label}", name, "convert weights to float32, and drop what is no weight"
        )
    sizes = list(tensor.dims[: MAX_RANK + 1])
    if len(sizes) > MAX_RANK or min(sizes, default=0) < 0 or math.prod(sizes) > MAX_VALUES:
        raise TensorDataError(
            f"{label} of rank <= {MAX_RANK}, sizes >= 0 and at most {MAX_VALUES} values",
            f"sizes {sizes}",
            "write the file again, or copy it again",
        )
    wanted, found, unit = _lengths(tensor, math.prod(sizes))
    if wanted != found:
        raise TensorDataError(
            f"{wanted} {unit} in {label} of sizes {sizes}",
            f"{found}",
            "write the file again, or copy it again",
        )


def _lengths(tensor: TensorProto, count: int) -> tuple[int, int, str]:
    """Return how long the data should be, how long they are, and in what unit."""
    kind = tensor.data_type
    bits = _PACKED.get(kind, 8 * helper.tensor_dtype_to_np_dtype(kind).itemsize)
    if tensor.HasField("raw_data"):
        return -(-count * bits // 8), len(tensor.raw_data), "bytes"
    field: str = helper.tensor_dtype_to_field(kind)
    # int32_data has one entry for each byte of packed values.
    entries = -(-count * bits // 8) if kind in _PACKED else count
    return entries, len(getattr(tensor, field)), "values"


def _check_texts(graph: GraphProto) -> None:
    """Check that names are text: of bytes that are no UTF-8, protobuf makes bytes."""
    names = [value.name for value in (*graph.input, *graph.output, *graph.initializer)]
    for node in graph.node:
        names += [node.name, node.op_type, node.domain, *node.input, *node.output]
        names += [attribute.name for attribute in node.attribute]
    if not all(isinstance(name, str) for name in names):
        raise MalformedOnnxError(
            "names in UTF-8", "other bytes", "write the file again, or copy it again"
        )


def _check_nodes(graph: GraphProto) -> None:
    for node in graph.node:
        if max(len(node.input), len(node.output), len(node.attribute)) > MAX_NODE_TENSORS:
            raise SizeLimitError(
                f"at most {MAX_NODE_TENSORS} inputs, outputs and attributes of a node",
                f"more at {ascii(node.name)[:80]}",
                "use a smaller net",
            )
        for attribute in node.attribute:
            _check_attribute(attribute, f"{ascii(node.name)[:80]} ({ascii(node.op_type)[:40]})")


def _check_attribute(attribute: AttributeProto, where: str) -> None:
    if attribute.HasField("g") or attribute.graphs or attribute.type in _GRAPHS:
        raise SubgraphError(
            "nodes without graphs of their own",
            f"one in {where}",
            "export the network without If, Loop and Scan: trace it instead of scripting it",
        )
    if attribute.HasField("sparse_tensor") or attribute.sparse_tensors or attribute.type in _SPARSE:
        raise _sparse(f"one in {where}")
    if max(len(attribute.ints), len(attribute.floats), len(attribute.strings)) > (
        MAX_ATTRIBUTE_VALUES
    ):
        raise SizeLimitError(
            f"at most {MAX_ATTRIBUTE_VALUES} values of an attribute", f"more in {where}", "check it"
        )


def _sparse(found: str) -> SparseTensorError:
    return SparseTensorError("dense tensors", found, "store the weights dense")


def _check_self_contained(graph: GraphProto) -> None:
    outside = [
        tensor.name for tensor in _tensors(graph) if tensor.data_location or tensor.external_data
    ]
    if outside:
        raise ExternalDataError(
            "an ONNX file that holds all its tensors",
            f"external data for {', '.join(ascii(name)[:80] for name in outside[:5])}",
            "save it with onnx.save(model, path), or torch.onnx.export(..., external_data=False)",
        )


def _tensors(graph: GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


def _check_names(graph: GraphProto) -> None:
    """Check that every tensor is written once; an initialiser may also be listed as an input."""
    initialisers = [tensor.name for tensor in graph.initializer]
    outputs = [name for node in graph.node for name in node.output if name]
    inputs = {value.name for value in graph.input}
    counts = (
        Counter(initialisers)
        + Counter(value.name for value in graph.input)
        - Counter(inputs.intersection(initialisers))
    )
    counts.update(outputs)
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        raise DuplicateNameError(
            "every tensor written once",
            f"{', '.join(ascii(name)[:80] for name in twice[:5])} more than once",
            "give them different names",
        )
    longest = max(map(len, counts), default=0)
    if longest > MAX_NAME:
        raise SizeLimitError(f"names of at most {MAX_NAME} characters", f"{longest}", "rename it")


def _check_order(graph: GraphProto) -> None:
    """Find a cycle, by taking away nodes that nothing waits for any more (Kahn, 1962)."""
    writers = {name: index for index, node in enumerate(graph.node) for name in node.output if name}
    waits = [{writers[name] for name in node.input if name in writers} for node in graph.node]
    readers: dict[int, list[int]] = {}
    for index, sources in enumerate(waits):
        for source in sources:
            readers.setdefault(source, []).append(index)
    ready = [index for index, sources in enumerate(waits) if not sources]
    left = [len(sources) for sources in waits]
    for index in ready:  # grows
        for reader in readers.get(index, ()):
            left[reader] -= 1
            if left[reader] == 0:
                ready.append(reader)
    if len(ready) < len(waits):
        stuck = [graph.node[index] for index, count in enumerate(left) if count]
        raise CyclicGraphError(
            "a graph without cycles",
            f"nodes that wait for each other, among them {ascii(stuck[0].name)[:80]} "
            f"({ascii(stuck[0].op_type)[:40]})",
            "write the file again; recurrent networks must be unrolled",
        )
