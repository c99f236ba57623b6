"""Run exported ONNX graphs on a bundle's golden cases and compare them with the float engine."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from bitprior_runtime.bundle import Bundle
from bitprior_runtime.bundle.limits import TRACE_STEPS
from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.golden import Check, largest, relative
from bitprior_runtime.onnx_graph import Array, OnnxGraph, scalars
from bitprior_runtime.proximal_defaults import loop_options
from bitprior_runtime.solvers import initial_latents, proximal
from bitprior_runtime.solvers.steadiness import steady_rows

# A recovered image, whichever runtime recovered it.
RECOVERED = 1e-4
# float16 has 11 bits: each of a deep network's layers rounds to 5e-4, and steep ones make more of
# what those before them rounded. Five grey levels; each node by itself is checked at 5e-3.
HALF = 2e-2
# Of a whole recovery, the costliest check.
WHOLE_ROWS, WHOLE_SEED = 3, 0
# Steps of the loop where the bundle's solver is another, and its steps those of that.
OTHER_STEPS = 50


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
    """Replay the golden traces: real latents and measurements, 10 steps."""
    golden, allowed = bundle.golden, bundle.manifest.tolerances
    # Rounding adds up over the steps: a tenth of what the losses may be off.
    image_allowed = max(RECOVERED, allowed.trace / 10)
    found = _run(bundle, graph, golden.measurements, golden.latents, TRACE_STEPS)
    image, rows = _compare(
        bundle, engine, found, golden.measurements, golden.latents, TRACE_STEPS, image_allowed
    )
    steps = f"recover, {TRACE_STEPS} steps"
    if not rows.any():
        # Golden cases are chosen so that this is not rounding.
        return [Check(f"{steps}: rows that differ", float(len(rows)), 0.0, "rows")]
    trace = relative(found["history"][:, rows], golden.trace[:, rows])
    return [
        Check(f"{steps}: losses", trace, allowed.trace, "relative"),
        Check(f"{steps}: image", image, image_allowed, "of the range"),
    ]


def _whole(bundle: Bundle, engine: FloatEngine, graph: OnnxGraph) -> list[Check]:
    """Recover as a user would: from seeded start latents, all steps."""
    solver, y = bundle.manifest.solver, bundle.golden.measurements[:WHOLE_ROWS]
    k, kind = bundle.manifest.latent, solver.initial_latent
    (z0,) = initial_latents(len(y), k, WHOLE_SEED, kind=kind, y=y)
    steps = solver.steps if solver.name in ("proximal", "fista") else OTHER_STEPS
    found = _run(bundle, graph, y, z0, steps)
    image, rows = _compare(bundle, engine, found, y, z0, steps, RECOVERED)
    if not rows.any():
        return []
    return [Check(f"recover, {steps} steps: image", image, RECOVERED, "of the range")]


def _run(bundle: Bundle, graph: OnnxGraph, y: Array, z0: Array, steps: int) -> dict[str, Array]:
    step_size = loop_options(bundle.manifest.solver, steps).step_size
    return graph.run({"y": y, "z0": z0, **scalars(step_size, steps)})


def _compare(
    bundle: Bundle,
    engine: FloatEngine,
    found: dict[str, Array],
    y: Array,
    z0: Array,
    steps: int,
    allowed: float,
) -> tuple[float, Array]:
    """Return the largest difference of the images, and the rows that can be compared.

    A row that differs is left out if it hinges on rounding: the float engine itself ends
    elsewhere when nudged.
    """
    solver = bundle.manifest.solver
    options = loop_options(solver, steps)
    image = engine.generate(proximal(engine, y, z0, options).latent)
    difference = np.abs(found["image"] - image).max(axis=(1, 2, 3))
    kept = difference <= allowed
    suspects = ~kept
    if suspects.any():
        kept[suspects] = steady_rows(engine, y[suspects], z0[suspects], options)
    return float(difference[kept].max(initial=0.0)), kept


def _for_precision(check: Check, graph: OnnxGraph) -> Check:
    if graph.metadata.get("precision") != "float16":
        return check
    return replace(check, name=f"{check.name} (float16)", tolerance=HALF)
