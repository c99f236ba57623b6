"""Check a QONNX graph node by node against the torch module it was exported from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto
from qonnx.core.onnx_exec import execute_onnx
from torch import Tensor, nn

from bitprior_export.qonnx.batch import at_batch
from bitprior_export.qonnx.names import QUANTISERS
from bitprior_export.qonnx.recording import Recording, record
from bitprior_runtime.errors import CheckFailedError

# Of the largest magnitude on the way: float32 sums over a thousand terms differ by about 1e-6
# when their order does; a wrong weight, axis or attribute makes far more.
TOLERANCE = 1e-5
LARGE = 100.0
_SEED = 20240229


@dataclass(frozen=True)
class CheckReport:
    """What a check compared.

    Attributes:
        nodes: Nodes compared with torch.
        max_difference: Largest difference at any of them, in units of the largest magnitude on
            the way there.
        cases: Names of the inputs used.
    """

    nodes: int
    max_difference: float
    cases: tuple[str, ...]


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
    alive: dict[str, bool] = {}
    worst = 0.0
    for case, value in cases.items():
        executed = _execute(model, value)
        place = _Place(case, "the input")
        largest = _magnitude(value.numpy())
        for node, reference in _pairs(model, record(module, value)):
            own = _magnitude(reference)
            largest = max(largest, own)
            # Rounding errors travel on: those of large values show in the small ones of a tanh.
            scale = own if node.op_type in QUANTISERS else largest
            worst = max(worst, _difference(node, executed[node.output[0]], reference, scale, place))
            alive[node.name] = alive.get(node.name, False) or own > 0
            place = _Place(case, repr(node.name))
    _refuse_dead(alive)
    return CheckReport(len(alive), worst, tuple(cases))


class _Place(NamedTuple):
    """Where a check stands: on which input, and which node was the last to be equal."""

    case: str
    previous: str


def _magnitude(values: NDArray[Any]) -> float:
    return float(np.abs(values).max())


def _execute(model: ModelProto, value: Tensor) -> Mapping[str, NDArray[Any]]:
    inputs = {model.graph.input[0].name: value.numpy()}
    try:
        executed: Mapping[str, NDArray[Any]] = execute_onnx(
            at_batch(model, len(value)), inputs, return_full_exec_context=True
        )
    except Exception as error:  # qonnx raises plain Exception, onnxruntime its own
        raise CheckFailedError(
            f"a graph that runs on a batch of {len(value)}",
            str(error).strip().partition("\n")[0],
            "keep constants of the network independent of the batch size",
        ) from error
    return executed


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


def _difference(
    node: NodeProto, found: NDArray[Any], reference: NDArray[Any], scale: float, place: _Place
) -> float:
    """Return max |found - reference| in units of ``scale``, or raise if it is too much."""
    if found.shape != reference.shape:
        raise _differs(node, f"shape {reference.shape}", f"shape {found.shape}", place)
    if not np.isfinite(reference).all():
        raise _differs(node, "finite values in torch", "NaN or Inf", place)
    difference = _magnitude(found - reference)
    if not difference <= TOLERANCE * scale:  # also false for NaN
        expected = f"torch's values within {TOLERANCE * scale:.2g}"
        raise _differs(node, expected, f"max |Δ| = {difference:.3g}", place)
    return difference / scale if scale else 0.0


def _differs(node: NodeProto, expected: str, found: str, place: _Place) -> CheckFailedError:
    return CheckFailedError(
        f"{expected} at node {node.name!r} ({node.op_type})",
        f"{found} on the {place.case} input",
        f"this is the first node that differs; all up to {place.previous} are equal",
    )


def _unmatched(expected: str, nodes: list[NodeProto]) -> CheckFailedError:
    found = ", ".join(node.name for node in nodes) or "none"
    return CheckFailedError(
        expected, found, "give each layer its own module, and export the network it is part of"
    )


def _refuse_dead(alive: Mapping[str, bool]) -> None:
    dead = [name for name, seen in alive.items() if not seen]
    if dead or not alive:
        raise CheckFailedError(
            "values other than zero at every node, or no error could show",
            f"only zeros in every case at {', '.join(dead) or 'every node: none was compared'}",
            "check the training: a layer of zeros passes nothing on",
        )
