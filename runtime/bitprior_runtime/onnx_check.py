"""Run exported ONNX graphs on a bundle's golden cases and compare them with the float engine."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from bitprior_runtime.bundle import Bundle
from bitprior_runtime.bundle.limits import TRACE_STEPS
from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.golden import Check, largest, relative
from bitprior_runtime.onnx_graph import Array, OnnxGraph, scalars
from bitprior_runtime.solvers import ProximalOptions, initial_latents, proximal

# A recovered image, whichever runtime recovered it.
RECOVERED = 1e-4
# float16 has 11 bits: what a value between 0.5 and 1 may be off by, times ten for a deep network.
HALF = 5e-3
# Rows of a whole recovery. P_s is discontinuous: where two entries all but tie, rounding decides.
# Only rows that float32 and float64 recover alike are compared, and of those the median.
WHOLE_ROWS = 3
WHOLE_SEED = 0
ALIKE = 1e-5


def replay_onnx(bundle: Bundle, graphs: Mapping[str, OnnxGraph]) -> list[Check]:
    """Compare what graphs make of the golden cases with the float engine's values.

    Args:
        bundle: The bundle the graphs belong to.
        graphs: Some of ``generate``, ``sense``, ``gradient`` and ``recover``.

    Returns:
        One check a quantity.
    """
    engine = FloatEngine(bundle.generator, bundle.sensing)
    checks: list[Check] = []
    if "generate" in graphs:
        checks += _generate(bundle, graphs["generate"])
    if "sense" in graphs:
        checks += _sense(bundle, graphs["sense"])
    if "gradient" in graphs:
        checks += _gradient(bundle, graphs["gradient"])
    if "recover" in graphs:
        checks += _recover(bundle, engine, graphs["recover"])
        checks += _whole(bundle, engine, graphs["recover"])
    return checks


def _generate(bundle: Bundle, graph: OnnxGraph) -> list[Check]:
    golden, tolerance = bundle.golden, bundle.manifest.tolerances.image
    image = graph.run({"z": golden.latents})["image"]
    check = Check("generate: image", largest(image - golden.images), tolerance, "of the range")
    return [_for_precision(check, graph)]


def _sense(bundle: Bundle, graph: OnnxGraph) -> list[Check]:
    golden, tolerance = bundle.golden, bundle.manifest.tolerances.measurement
    y = graph.run({"x": golden.images})["y"]
    return [
        _for_precision(
            Check("sense: measurement", relative(y, golden.sensed), tolerance, "relative"), graph
        )
    ]


def _gradient(bundle: Bundle, graph: OnnxGraph) -> list[Check]:
    golden, allowed = bundle.golden, bundle.manifest.tolerances
    found = graph.run({"z": golden.latents, "y": golden.measurements})
    image, loss = largest(found["image"] - golden.images), relative(found["loss"], golden.losses)
    slope = relative(found["gradient"], golden.gradients)
    return [
        Check("gradient: image", image, allowed.image, "of the range"),
        Check("gradient: loss", loss, allowed.trace, "relative"),
        Check("gradient: gradient", slope, allowed.gradient, "relative"),
    ]


def _recover(bundle: Bundle, engine: FloatEngine, graph: OnnxGraph) -> list[Check]:
    golden, solver = bundle.golden, bundle.manifest.solver
    found = graph.run(
        {
            "y": golden.measurements,
            "z0": golden.latents,
            **scalars(solver.step_size, TRACE_STEPS),
        }
    )
    options = ProximalOptions(TRACE_STEPS, solver.step_size, solver.sparsity)
    image = engine.generate(proximal(engine, golden.measurements, golden.latents, options).latent)
    steps = f"recover, {TRACE_STEPS} steps"
    trace = relative(found["history"], golden.trace)
    # Rounding adds up over the steps: a tenth of what the losses may be off.
    allowed = max(RECOVERED, bundle.manifest.tolerances.trace / 10)
    return [
        Check(f"{steps}: losses", trace, bundle.manifest.tolerances.trace, "relative"),
        Check(f"{steps}: image", largest(found["image"] - image), allowed, "of the range"),
    ]


def _whole(bundle: Bundle, engine: FloatEngine, graph: OnnxGraph) -> list[Check]:
    """Recover as a user would: from seeded start latents, all steps."""
    solver, y = bundle.manifest.solver, bundle.golden.measurements[:WHOLE_ROWS]
    (z0,) = initial_latents(len(y), bundle.manifest.latent, WHOLE_SEED, kind=solver.initial_latent)
    exact = FloatEngine(bundle.generator, bundle.sensing, dtype=np.float64)
    expected, check = (_image(each, bundle, y, z0) for each in (engine, exact))
    alike = np.abs(expected - check).max(axis=(1, 2, 3)) <= ALIKE
    if not alike.any():
        return []
    found = graph.run({"y": y, "z0": z0, **scalars(solver.step_size, solver.steps)})["image"]
    difference = np.abs(found - expected)[alike].max(axis=(1, 2, 3))
    name = f"recover, {solver.steps} steps: image"
    return [Check(name, float(np.median(difference)), RECOVERED, "of the range")]


def _image(engine: FloatEngine, bundle: Bundle, y: Array, z0: Array) -> Array:
    solver = bundle.manifest.solver
    options = ProximalOptions(solver.steps, solver.step_size, solver.sparsity)
    solution = proximal(engine, y.astype(engine.dtype), z0.astype(engine.dtype), options)
    return engine.generate(solution.latent)


def _for_precision(check: Check, graph: OnnxGraph) -> Check:
    if graph.metadata.get("precision") != "float16":
        return check
    return replace(check, name=f"{check.name} (float16)", tolerance=HALF)
