"""Replay the golden cases of a bundle: the same numbers here as where it was made."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
    solver = bundle.manifest.solver
    image = engine.generate(golden.latents)
    loss, gradient = engine.value_and_grad(golden.latents, golden.measurements)
    options = loop_options(solver, TRACE_STEPS)
    trace = proximal(engine, golden.measurements, golden.latents, options).history
    return [
        Check("image G(z)", largest(image - golden.images), tolerance.image, "of the range"),
        Check(
            "measurement A(G(z))",
            relative(engine.sense(image), golden.sensed),
            tolerance.measurement,
            "relative",
        ),
        Check("loss f(z)", relative(loss, golden.losses), tolerance.trace, "relative"),
        Check(
            "gradient of f", relative(gradient, golden.gradients), tolerance.gradient, "relative"
        ),
        Check("10-step recovery", relative(trace, golden.trace), tolerance.trace, "relative"),
    ]


def largest(difference: NDArray[np.float32]) -> float:
    """Return the largest magnitude."""
    return float(np.abs(difference).max())


def relative(value: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Return the largest difference in units of the largest expected magnitude."""
    return float(np.abs(value - expected).max() / (np.abs(expected).max() + 1e-30))
