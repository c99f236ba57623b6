"""Golden cases: what the float engine makes of real measurements, for replay on any machine."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.bundle import GoldenCases, SolverDefaults, Tolerances
from bitprior_runtime.bundle.limits import MIN_GOLDEN_CASES, TRACE_STEPS
from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.errors import CheckFailedError
from bitprior_runtime.golden import relative
from bitprior_runtime.program import Program
from bitprior_runtime.proximal_defaults import loop_options
from bitprior_runtime.solvers import initial_latents, proximal
from bitprior_runtime.solvers.steadiness import steady_rows

CASES = 8
# Latents come from this many steps of a recovery: real ones, from which it still goes downhill.
WARM_UP_STEPS = 3
SEED = 0
# Other machines sum in another order. What float32 costs here, against float64, bounds what that
# can change; it is never taken to be less than the floor.
HEADROOM = 20.0
FLOOR = Tolerances(image=1e-5, measurement=1e-5, gradient=1e-4, trace=1e-3)
# A recovery whose float32 and float64 losses part further does not replay elsewhere: P_s keeps
# other entries, or the step is too large.
MAX_TRACE_DEVIATION = 1e-3

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Golden:
    """Golden cases with how exactly they replay.

    Attributes:
        cases: The cases.
        tolerances: For replaying them.
        descending: Cases whose 10-step recovery ends below where it began.
    """

    cases: GoldenCases
    tolerances: Tolerances
    descending: int


def make_golden(
    generator: Program,
    sensing: Program,
    images: NDArray[np.float32],
    solver: SolverDefaults,
    count: int = CASES,
) -> Golden:
    """Make golden cases from real images.

    Each image x is measured, y = A(x); WARM_UP_STEPS proximal steps from a seeded start give the
    case's latent z; the trace is f along TRACE_STEPS further steps. Of all images the first
    ``count`` are taken whose trace descends, is the same in float32 and float64, and does not
    hinge on rounding; such traces that do not descend come after them.

    Args:
        generator: Program z -> x.
        sensing: Program x -> y.
        images: Real images [N,C,H,W] in [0,1].
        solver: Step size, sparsity and start distribution.
        count: Most cases.

    Raises:
        CheckFailedError: Fewer than MIN_GOLDEN_CASES images have a stable trace.
    """
    single = FloatEngine(generator, sensing)
    double = FloatEngine(generator, sensing, dtype=np.float64)
    ((size,),) = generator.inputs.values()
    latents, measurements = _choose(single, double, images, size, solver, count)
    # Again for these rows alone: BLAS rounds by batch size, and a replay has no others.
    cases = _cases(single, latents, measurements, solver)
    exact = _cases(double, latents, measurements, solver)
    tolerances = Tolerances(
        image=_allow(FLOOR.image, np.abs(cases.images - exact.images).max()),
        measurement=_allow(FLOOR.measurement, relative(cases.sensed, exact.sensed)),
        gradient=_allow(FLOOR.gradient, relative(cases.gradients, exact.gradients)),
        trace=_allow(FLOOR.trace, relative(cases.trace, exact.trace)),
    )
    return Golden(cases, tolerances, int((cases.trace[-1] < cases.trace[0]).sum()))


def _choose(
    single: FloatEngine,
    double: FloatEngine,
    images: NDArray[np.float32],
    size: int,
    solver: SolverDefaults,
    count: int,
) -> tuple[Array, Array]:
    """Return latents and measurements of the cases; a few images are tried at a time."""
    measurements = single.sense(images)
    kind = solver.initial_latent
    (starts,) = initial_latents(len(images), size, SEED, kind=kind, y=measurements)
    latents = np.empty_like(starts)
    down, flat = [], []
    for first in range(0, len(images), CASES):
        rows = np.arange(first, min(first + CASES, len(images)))
        y = measurements[rows]
        latents[rows] = z = _warm_up(single, y, starts[rows], solver)
        steady, descends = _judge(single, double, y, z, solver)
        down += list(rows[steady & descends])
        flat += list(rows[steady & ~descends])
        if len(down) >= count:
            break
    chosen = (down + flat)[:count]
    if len(chosen) < MIN_GOLDEN_CASES:
        raise CheckFailedError(
            f"{MIN_GOLDEN_CASES} images whose recovery is the same in float32 and float64",
            f"{len(chosen)} of {len(images)}; the others hinge on rounding",
            "the step size does not lead downhill: train longer, or give a smaller --step-size",
        )
    return latents[chosen], measurements[chosen]


def _warm_up(engine: FloatEngine, y: Array, z0: Array, solver: SolverDefaults) -> Array:
    options = loop_options(solver, WARM_UP_STEPS)
    return proximal(engine, y, z0, options).latent


def _judge(
    single: FloatEngine, double: FloatEngine, y: Array, z: Array, solver: SolverDefaults
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell which rows do not hinge on rounding, and which descend."""
    trace, exact = (_trace(engine, y, z, solver) for engine in (single, double))
    steady = np.abs(trace - exact).max(axis=0) <= MAX_TRACE_DEVIATION * exact.max(axis=0)
    options = loop_options(solver, TRACE_STEPS)
    if steady.any():
        steady[steady] = steady_rows(single, y[steady], z[steady], options)
    return steady, trace[-1] < trace[0]


def _trace(engine: FloatEngine, y: Array, z: Array, solver: SolverDefaults) -> Array:
    """Return f along TRACE_STEPS steps from z, [TRACE_STEPS + 1, N]."""
    options = loop_options(solver, TRACE_STEPS)
    return proximal(engine, y.astype(engine.dtype), z.astype(engine.dtype), options).history


def _cases(engine: FloatEngine, z: Array, y: Array, solver: SolverDefaults) -> GoldenCases:
    latents, measurements = z.astype(engine.dtype), y.astype(engine.dtype)
    images = engine.generate(latents)
    losses, gradients = engine.value_and_grad(latents, measurements)
    trace = _trace(engine, y, z, solver)
    return GoldenCases(z, y, images, engine.sense(images), gradients, losses, trace)


def _allow(floor: float, deviation: float) -> float:
    return max(floor, HEADROOM * float(deviation))
