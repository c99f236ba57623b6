"""A step size for networks that were not trained with one: backtracking until losses fall."""

import numpy as np

from bitprior_export.golden import WARM_UP_STEPS
from bitprior_runtime.bundle.limits import TRACE_STEPS
from bitprior_runtime.engines import Engine
from bitprior_runtime.errors import CheckFailedError
from bitprior_runtime.solvers import ProximalOptions, proximal
from bitprior_runtime.solvers.solution import Array

_SHRINK = 0.5
_TRIALS = 40


def find_step_size(engine: Engine, y: Array, z0: Array) -> float:
    """Return the first step size, halved again and again, whose steps lower every loss.

    The first one tried is four times Polyak's step f / |grad f|^2, which would take a linear f
    to zero. It is judged by as many steps as the golden cases take.

    Args:
        engine: The networks.
        y: Measurements [N,m].
        z0: Start latents [N,k].

    Raises:
        CheckFailedError: No step goes downhill, or there is no gradient to go along.
    """
    loss, gradient = engine.value_and_grad(z0, y)
    slope = (gradient.astype(np.float64) ** 2).sum(axis=1)
    moving = slope > 0
    if not moving.any() or not np.isfinite(slope).all():
        raise _no_step(f"gradients of squared length {float(slope.max()):.3g} at the start")
    beta = 4 * float(np.median(loss[moving].astype(np.float64) / slope[moving]))
    steps = WARM_UP_STEPS + TRACE_STEPS
    for _ in range(_TRIALS):
        with np.errstate(over="ignore", invalid="ignore"):
            history = proximal(engine, y, z0, ProximalOptions(steps, beta)).history
        if np.isfinite(history).all() and _falls(history[:, moving]):
            return beta
        beta *= _SHRINK
    raise _no_step(f"no step down to {beta:.3g} along which every loss falls")


def _falls(history: Array) -> bool:
    """Return whether every loss of [steps + 1, N] ends lower, and never rises on the way."""
    return bool((np.diff(history, axis=0) <= 0).all() and (history[-1] < history[0]).all())


def _no_step(found: str) -> CheckFailedError:
    return CheckFailedError(
        "a generator whose latent moves the measurements downhill",
        found,
        "check the generator's weights and --range; or give --step-size",
    )
