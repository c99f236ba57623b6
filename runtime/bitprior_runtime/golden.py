"""Replay the golden cases of a bundle: the same numbers here as where it was made."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.budget import rows_within
from bitprior_runtime.bundle import Bundle
from bitprior_runtime.bundle.limits import TRACE_STEPS
from bitprior_runtime.engines.base import Engine
from bitprior_runtime.proximal_defaults import loop_options
from bitprior_runtime.solvers import proximal


@dataclass(frozen=True)
class Check:
    """One quantity compared with what the bundle says it must be.

    Attributes:
        name: What was compared.
        difference: Largest difference found.
        tolerance: Largest difference allowed.
        unit: What the difference is relative to.
    """

    name: str
    difference: float
    tolerance: float
    unit: str

    @property
    def passed(self) -> bool:
        """True if the difference is within the tolerance (NaN is not)."""
        return self.difference <= self.tolerance


def replay(engine: Engine, bundle: Bundle) -> list[Check]:
    """Run the golden cases on ``engine``.

    Compares G(z) and A(G(z)) on real latents, the loss and its gradient against real
    measurements, and the losses of 10 steps of the bundle's loop (proximal or FISTA).

    Args:
        engine: The arithmetic to check.
        bundle: The bundle whose cases are replayed.

    Returns:
        One check a quantity.
    """
    golden, tolerance = bundle.golden, bundle.manifest.tolerances
    found = _replayed(engine, bundle)
    return [
        Check("image G(z)", largest(found.image - golden.images), tolerance.image, "of the range"),
        Check(
            "measurement A(G(z))",
            relative(found.sensed, golden.sensed),
            tolerance.measurement,
            "relative",
        ),
        Check("loss f(z)", relative(found.loss, golden.losses), tolerance.trace, "relative"),
        Check(
            "gradient of f",
            relative(found.gradient, golden.gradients),
            tolerance.gradient,
            "relative",
        ),
        Check("10-step recovery", relative(found.trace, golden.trace), tolerance.trace, "relative"),
    ]


@dataclass(frozen=True)
class _Replayed:
    """What an engine makes of the golden cases; as GoldenCases."""

    image: NDArray[np.float32]
    sensed: NDArray[np.float32]
    loss: NDArray[np.float32]
    gradient: NDArray[np.float32]
    trace: NDArray[np.float32]


def _replayed(engine: Engine, bundle: Bundle) -> _Replayed:
    """Run all cases, as many together as memory is meant for: a bundle may bring a thousand."""
    golden = bundle.golden
    options = loop_options(bundle.manifest.solver, TRACE_STEPS)
    rows = rows_within((bundle.generator, bundle.sensing))
    parts = []
    for begin in range(0, len(golden.latents), rows):
        z, y = golden.latents[begin : begin + rows], golden.measurements[begin : begin + rows]
        image = engine.generate(z)
        loss, gradient = engine.value_and_grad(z, y)
        trace = proximal(engine, y, z, options).history
        # Rows that are not finite stop; if all do, there is no more to say.
        missing = max(0, TRACE_STEPS + 1 - len(trace))
        trace = np.pad(trace, ((0, missing), (0, 0)), mode="edge")
        parts.append((image, engine.sense(image), loss, gradient, trace.T))
    image, sensed, loss, gradient, trace = (
        np.concatenate(part) for part in zip(*parts, strict=True)
    )
    return _Replayed(image, sensed, loss, gradient, trace.T)


def largest(difference: NDArray[np.float32]) -> float:
    """Return the largest magnitude."""
    return float(np.abs(difference).max())


def relative(value: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Return the largest difference in units of the largest expected magnitude."""
    return float(np.abs(value - expected).max() / (np.abs(expected).max() + 1e-30))
