"""Compare one turn of the loop in recover.onnx with the solver's step."""

from collections.abc import Mapping

import numpy as np
import onnx

from bitprior_export.artefacts.expose import cotangent_name, one_step
from bitprior_export.artefacts.gradient_check import check_gradient
from bitprior_export.artefacts.nodes import Array, NodeCheck, NodeReport
from bitprior_export.graphs.recover_step import MOMENTUM_INPUTS, STEP_INPUTS
from bitprior_runtime.bundle import Bundle
from bitprior_runtime.bundle.limits import TRACE_STEPS
from bitprior_runtime.onnx_graph import scalars
from bitprior_runtime.proximal_defaults import loop_options
from bitprior_runtime.solvers import ProximalOptions, hard_threshold
from bitprior_runtime.solvers.latents import unit_sphere
from bitprior_runtime.solvers.momentum import extrapolate

_FILE = "recover.onnx"


def check_step(bundle: Bundle, model: onnx.ModelProto) -> NodeReport:
    """Compare f, its gradient, the step and what follows it; one row has stopped.

    Raises:
        CheckFailedError: A value differs; it is the first one.
    """
    options = loop_options(bundle.manifest.solver, TRACE_STEPS)
    step = one_step(model)
    given = _inputs(bundle, options)
    # A file of format 1.1 counts no steps.
    inputs = {value.name: given[value.name] for value in step.graph.input}
    z = MOMENTUM_INPUTS[0] if options.momentum else STEP_INPUTS[2]
    report, values = check_gradient(bundle, _FILE, step, inputs, z)
    check = NodeCheck(_FILE, bundle.generator, values, z)
    _compare(
        check, options, values, values[z], cotangent_name("generator", *bundle.generator.inputs)
    )
    report.add(check.report)
    return report


def _inputs(bundle: Bundle, options: ProximalOptions) -> Mapping[str, Array]:
    golden = bundle.golden
    rows = len(golden.latents)
    start = (np.array(1), np.array(True), golden.latents, golden.losses)
    ends = (np.arange(rows) == 0, np.ones(rows, dtype=np.int64))
    # v lies downhill of z: most rows go on with their momentum.
    v = golden.latents - np.float32(options.step_size) * golden.gradients
    ahead = (v, np.full((rows, 1), 3, dtype=np.float32))
    return {
        **dict(zip(STEP_INPUTS, (*start, *ends), strict=True)),
        **dict(zip(MOMENTUM_INPUTS, ahead, strict=True)),
        "y": golden.measurements,
        **scalars(options.step_size, 1),
    }


def _compare(
    check: NodeCheck,
    options: ProximalOptions,
    values: Mapping[str, Array],
    point: Array,
    gradient: str,
) -> None:
    z, before, stopped = (values[name] for name in STEP_INPUTS[2:5])
    step = np.float32(options.step_size) * values[gradient]
    moved = values["step/moved"]
    check.compare("the step z - beta grad", moved, point - step, [point, step])
    after = hard_threshold(moved, options.sparsity)
    if options.projection == "unit-sphere":
        after = unit_sphere(after)
    stays = stopped[:, np.newaxis]
    check.compare("P_s of the step", values["step/next_z"], np.where(stays, z, after), [z])
    if options.momentum:
        theta = values[MOMENTUM_INPUTS[1]][:, 0]
        ahead, grown = extrapolate(point, z, after, theta, values["step/loss"] > before)
        kept = np.where(stays, z, ahead)
        check.compare("theta", values["step/next_theta"], grown[:, np.newaxis], [])
        check.compare("the extrapolation", values["step/next_v"], kept, [z])
