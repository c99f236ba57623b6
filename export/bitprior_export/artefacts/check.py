"""Verify the ONNX graphs of a bundle: node by node, then as a whole, on the golden cases."""

from collections.abc import Mapping
from dataclasses import dataclass

import onnx

from bitprior_export.artefacts.frame_check import check_frame_graph
from bitprior_export.artefacts.gradient_check import check_gradient, graph_values
from bitprior_export.artefacts.nodes import (
    HALF_TOLERANCE,
    TOLERANCE,
    Array,
    NodeCheck,
    NodeReport,
)
from bitprior_export.artefacts.step_check import check_step
from bitprior_runtime.bundle import Bundle
from bitprior_runtime.errors import CheckFailedError
from bitprior_runtime.frames.onnx_kinds import serves_frames
from bitprior_runtime.frames.onnx_replay import replay_frames
from bitprior_runtime.golden import Check
from bitprior_runtime.onnx_check import replay_onnx
from bitprior_runtime.onnx_graph import OnnxGraph
from bitprior_runtime.program import Program


@dataclass(frozen=True)
class ArtefactReport:
    """What verifying found.

    Attributes:
        nodes: Values compared inside the graphs: outputs and cotangents of nodes.
        max_difference: Largest difference at a node, relative to its largest magnitude.
        checks: The graphs as wholes on the golden cases.
    """

    nodes: int
    max_difference: float
    checks: tuple[Check, ...]


def check_artefacts(bundle: Bundle, models: Mapping[str, onnx.ModelProto]) -> ArtefactReport:
    """Compare graphs with the float engine.

    Args:
        bundle: The bundle they belong to.
        models: Graphs by kind.

    Raises:
        CheckFailedError: A node differs, the first one is named; or a graph as a whole does.
        UsageError: onnxruntime cannot load a graph.
    """
    report = _compare(bundle, models)
    for check in report.checks:
        if not check.passed:
            raise CheckFailedError(
                f"{check.name} of the ONNX files within {check.tolerance:g}, {check.unit}",
                f"{check.difference:.3g}",
                "every node is right by itself: check how the graphs are put together",
            )
    return report


def check_files(bundle: Bundle, files: Mapping[str, bytes]) -> ArtefactReport:
    """Compare files that were written before with the float engine, here.

    Raises:
        CheckFailedError: A node differs; the first one is named.
        UsageError: onnxruntime cannot load a graph.
    """
    return _compare(bundle, {kind: onnx.load_from_string(data) for kind, data in files.items()})


def _compare(bundle: Bundle, models: Mapping[str, onnx.ModelProto]) -> ArtefactReport:
    report = NodeReport()
    framed = serves_frames(bundle)
    for kind, model in models.items():
        report.add((check_frame_graph if framed else _check_nodes)(bundle, kind, model))
    graphs = {kind: OnnxGraph(model.SerializeToString()) for kind, model in models.items()}
    checks = (replay_frames if framed else replay_onnx)(bundle, graphs)
    return ArtefactReport(report.nodes, report.max_difference, tuple(checks))


def _check_nodes(bundle: Bundle, kind: str, model: onnx.ModelProto) -> NodeReport:
    golden = bundle.golden
    if kind == "generate":
        return _check_forward(bundle.generator, kind, model, {"z": golden.latents})
    if kind == "sense":
        return _check_forward(bundle.sensing, kind, model, {"x": golden.images})
    if kind == "gradient":
        inputs = {"z": golden.latents, "y": golden.measurements}
        return check_gradient(bundle, "gradient.onnx", model, inputs, "z")[0]
    return check_step(bundle, model)


def _check_forward(
    program: Program, kind: str, model: onnx.ModelProto, inputs: Mapping[str, Array]
) -> NodeReport:
    values = graph_values(model, [program], inputs)
    half = any(p.key == "precision" and p.value == "float16" for p in model.metadata_props)
    tolerance = HALF_TOLERANCE if half else TOLERANCE
    check = NodeCheck(f"{kind}.onnx", program, values, next(iter(inputs)), tolerance)
    check.forward()
    return check.report
