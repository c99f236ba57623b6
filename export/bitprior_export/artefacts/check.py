"""Verify the ONNX graphs of a bundle: node by node, then as a whole, on the golden cases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx

from bitprior_export.artefacts.expose import (
    STEP_INPUTS,
    computed_values,
    cotangent_name,
    exposed,
    one_step,
)
from bitprior_export.artefacts.nodes import (
    HALF_TOLERANCE,
    TOLERANCE,
    Array,
    NodeCheck,
    NodeReport,
)
from bitprior_runtime.bundle import Bundle
from bitprior_runtime.errors import CheckFailedError
from bitprior_runtime.golden import Check
from bitprior_runtime.onnx_check import replay_onnx
from bitprior_runtime.onnx_graph import OnnxGraph, scalars
from bitprior_runtime.program import Program
from bitprior_runtime.solvers import hard_threshold
from bitprior_runtime.solvers.latents import unit_sphere


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
        models: Some of ``generate``, ``sense``, ``gradient`` and ``recover``.

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
    for kind, model in models.items():
        report.add(_check_nodes(bundle, kind, model))
    graphs = {kind: OnnxGraph(model.SerializeToString()) for kind, model in models.items()}
    checks = replay_onnx(bundle, graphs)
    return ArtefactReport(report.nodes, report.max_difference, tuple(checks))


def _check_nodes(bundle: Bundle, kind: str, model: onnx.ModelProto) -> NodeReport:
    golden = bundle.golden
    if kind == "generate":
        return _check_forward(bundle.generator, kind, model, {"z": golden.latents})
    if kind == "sense":
        return _check_forward(bundle.sensing, kind, model, {"x": golden.images})
    if kind == "gradient":
        inputs = {"z": golden.latents, "y": golden.measurements}
        return _check_gradient(bundle, "gradient.onnx", model, inputs, "z")[0]
    return _check_step(bundle, model)


def _check_forward(
    program: Program, kind: str, model: onnx.ModelProto, inputs: Mapping[str, Array]
) -> NodeReport:
    values = _values(model, [program], inputs)
    half = any(p.key == "precision" and p.value == "float16" for p in model.metadata_props)
    tolerance = HALF_TOLERANCE if half else TOLERANCE
    check = NodeCheck(f"{kind}.onnx", program, values, next(iter(inputs)), tolerance)
    check.forward()
    return check.report


def _check_gradient(
    bundle: Bundle, file: str, model: onnx.ModelProto, inputs: Mapping[str, Array], z: str
) -> tuple[NodeReport, Mapping[str, Array]]:
    """Forward in order, then the loss, then the adjoint from the end."""
    values = _values(model, [bundle.generator, bundle.sensing], inputs)
    generator = NodeCheck(file, bundle.generator, values, z)
    sensing = NodeCheck(file, bundle.sensing, values, f"generator/{bundle.generator.output}")
    generator.forward()
    sensing.forward()
    sensed = values[f"sensing/{bundle.sensing.output}"]
    residual = sensed - inputs["y"]
    sensing.compare("the residual", values["residual"], residual, [sensed])
    sensing.compare(
        f"the cotangent of {bundle.sensing.output!r}",
        values.get(cotangent_name("sensing", bundle.sensing.output)),
        2 * values["residual"],
        [],
    )
    sensing.backward()
    (x,) = bundle.sensing.inputs
    generator.compare(
        f"the cotangent of {bundle.generator.output!r}",
        values.get(cotangent_name("generator", bundle.generator.output)),
        values[cotangent_name("sensing", x)],
        [],
    )
    generator.backward()
    report = NodeReport()
    report.add(sensing.report)
    report.add(generator.report)
    return report, values


def _check_step(bundle: Bundle, model: onnx.ModelProto) -> NodeReport:
    """One turn of the loop: f, its gradient, the step and P_s; one row has stopped."""
    golden, solver = bundle.golden, bundle.manifest.solver
    rows = len(golden.latents)
    stopped = np.arange(rows) == 0
    start = (np.array(1), np.array(True), golden.latents, golden.losses, stopped)
    inputs = {
        **dict(zip(STEP_INPUTS, start, strict=True)),
        "y": golden.measurements,
        **scalars(solver.step_size, 1),
    }
    file = "recover.onnx"
    report, values = _check_gradient(bundle, file, one_step(model), inputs, STEP_INPUTS[2])
    (z,) = bundle.generator.inputs
    step = np.float32(solver.step_size) * values[cotangent_name("generator", z)]
    moved = hard_threshold(values["step/moved"], solver.sparsity)
    if solver.projection == "unit-sphere":
        moved = unit_sphere(moved)
    check = NodeCheck(file, bundle.generator, values, STEP_INPUTS[2])
    z_and_step = [golden.latents, step]
    check.compare("the step z - beta grad", values["step/moved"], golden.latents - step, z_and_step)
    after = np.where(stopped[:, np.newaxis], golden.latents, moved)
    check.compare("P_s of the step", values["step/next_z"], after, [golden.latents])
    report.add(check.report)
    return report


def _values(
    model: onnx.ModelProto, programs: Sequence[Program], inputs: Mapping[str, Array]
) -> Mapping[str, Array]:
    """Run a graph and return its inputs, the programs' activations and cotangents, and the step."""
    wanted = {"residual", "step/moved", "step/next_z"}
    for program in programs:
        for tensor in (*program.inputs, *(node.output for node in program.nodes)):
            wanted |= {f"{program.name}/{tensor}", cotangent_name(program.name, tensor)}
    names = [name for name in computed_values(model) if name in wanted]
    return {**OnnxGraph(exposed(model, names)).run(inputs), **inputs}
