"""Check a QONNX graph node by node against the torch module it was exported from."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto
from torch import Tensor, nn

from bitprior_export.qonnx.comparison import CheckReport, Comparison
from bitprior_export.qonnx.execution import execute
from bitprior_export.qonnx.names import QUANTISERS
from bitprior_export.qonnx.recording import Recording, record
from bitprior_runtime.errors import CheckFailedError

LARGE = 100.0
_SEED = 20240229


def check_cases(example: Tensor) -> dict[str, Tensor]:
    """Return inputs to check with, in several batch sizes: the example, noise, zeros, large."""
    generator = torch.Generator().manual_seed(_SEED)
    shape = example.shape[1:]
    return {
        "example": example[:4].detach().to(torch.float32),
        "random": torch.randn((3, *shape), generator=generator),
        "zeros": torch.zeros((1, *shape)),
        "large": LARGE * torch.randn((2, *shape), generator=generator),
    }


def check_against_torch(
    model: ModelProto, module: nn.Module, cases: Mapping[str, Tensor]
) -> CheckReport:
    """Compare every torch leaf module and quantised weight with its nodes in ``model``.

    Args:
        model: A model as the writer makes it: node names start with torch module paths.
        module: The torch module; left as it was.
        cases: Inputs by name, each with a leading batch axis.

    Returns:
        How many nodes were compared, and the largest difference.

    Raises:
        CheckFailedError: A node differs (the first one, in graph order, is named), a module of
            torch has no node, or a node is zero in all cases, so that no error could show there.
    """
    comparison = Comparison("torch")
    for case, value in cases.items():
        executed = execute(model, value.numpy())
        comparison.start(case, value.numpy())
        for node, reference in _pairs(model, record(module, value)):
            weight = node.op_type in QUANTISERS
            found = executed[node.output[0]]
            comparison.compare(node.name, node.op_type, found, reference, weight)
    return comparison.report()


def _pairs(model: ModelProto, recording: Recording) -> Iterator[tuple[NodeProto, NDArray[Any]]]:
    """Yield each node that torch has a reference for, in graph order."""
    references = {model.graph.output[0].name: recording.output}
    for path, calls in recording.calls.items():
        nodes = _nodes_in(model, path)
        if not nodes and path in recording.passive:
            continue
        if not nodes or len(nodes) % len(calls):
            raise _unmatched(f"nodes for {len(calls)} calls of {path!r}", nodes)
        each = len(nodes) // len(calls)
        for last, output in zip(nodes[each - 1 :: each], calls, strict=True):
            references.setdefault(last.output[0], output)
    for path, weight in recording.weights.items():
        nodes = _nodes_in(model, f"{path}.weight".removeprefix("."))
        if not nodes or any(node.op_type not in QUANTISERS for node in nodes):
            raise _unmatched(f"a quantiser node for the weight of {path!r}", nodes)
        references |= {node.output[0]: _oriented(model, node, weight) for node in nodes}
    for node in model.graph.node:
        if node.output[0] in references:
            yield node, references[node.output[0]]


def _oriented(model: ModelProto, quantiser: NodeProto, weight: NDArray[Any]) -> NDArray[Any]:
    """Return a weight as the graph has it: cleanup transposes that of a Linear without bias."""
    readers = [node for node in model.graph.node if quantiser.output[0] in node.input]
    return weight.T if readers and readers[0].op_type == "MatMul" else weight


def _nodes_in(model: ModelProto, path: str) -> list[NodeProto]:
    """Return the nodes of the torch module at ``path``, in graph order."""
    return [node for node in model.graph.node if node.name.rpartition("/")[0] == path]


def _unmatched(expected: str, nodes: list[NodeProto]) -> CheckFailedError:
    found = ", ".join(node.name for node in nodes) or "none"
    return CheckFailedError(
        expected, found, "give each layer its own module, and export the network it is part of"
    )
