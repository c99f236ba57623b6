"""Proximal gradient descent on the latent (Q-GEN, Algorithm 1, inner loop; SDLSS)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.engines.base import Engine, ProximalEngine
from bitprior_runtime.solvers.inside import proximal_inside
from bitprior_runtime.solvers.latents import hard_threshold
from bitprior_runtime.solvers.solution import Array, Progress, Solution, check_problem, check_range


@dataclass(frozen=True)
class ProximalOptions:
    """Settings of the proximal solver.

    Attributes:
        steps: T, gradient steps.
        step_size: beta; a bundle carries the one learned in training.
        sparsity: s of P_s, or None for dense latents.
        tolerance: A row stops at the first latent whose loss differs from the one before by at
            most this share of it; 0 takes all steps.
    """

    steps: int = 50
    step_size: float = 0.01
    sparsity: int | None = None
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        check_range("steps", self.steps, least=1)
        check_range("step_size", self.step_size, least=0, open_end=True)
        if self.sparsity is not None:
            check_range("sparsity", self.sparsity, least=1)
        check_range("tolerance", self.tolerance, least=0, below=1)


def proximal(
    engine: Engine, y: Array, z0: Array, options: ProximalOptions, progress: Progress | None = None
) -> Solution:
    """Minimise f(z) = ||y - A(G(z))||^2 subject to ||z||_0 <= s, row by row.

    z <- P_s(z - beta grad f(z)), T times, or until every row has stopped. A stopped row keeps its
    latent; it stays in the batch, whose other rows are then rounded as they were.

    Args:
        engine: The arithmetic.
        y: Measurements [B,m].
        z0: Start latents [B,k].
        options: T, beta, s and the tolerance.
        progress: Called with (step, steps) after each step.

    Returns:
        z_T, f(z_T) and f along the way: always T + 1 values a row, the last one repeated where
        the row stopped early.

    Raises:
        UsageError: y and z0 do not fit, or hold NaN or Inf.
    """
    check_problem(y, z0)
    if isinstance(engine, ProximalEngine):
        o = options
        return proximal_inside(
            engine, y, z0, o.step_size, o.steps, o.sparsity, o.tolerance, progress
        )
    z, beta, s = z0, z0.dtype.type(options.step_size), options.sparsity
    stopped = np.zeros(len(z), dtype=bool)
    history: list[Array] = []
    for t in range(options.steps):
        f, grad = engine.value_and_grad(z, y)
        history.append(f)
        stopped |= _settled(history, options.tolerance)
        if stopped.all():
            break
        z = np.where(stopped[:, np.newaxis], z, hard_threshold(z - beta * grad, s))
        if progress is not None:
            progress(t + 1, options.steps)
    else:
        history.append(engine.loss(z, y))
    history += [history[-1]] * (options.steps + 1 - len(history))
    return Solution(z, history[-1], np.stack(history))


def _settled(history: list[Array], tolerance: float) -> NDArray[np.bool_]:
    """Return which rows' loss has hardly changed in the last step, [B]."""
    now = history[-1]
    if tolerance == 0 or len(history) == 1:
        return np.zeros(len(now), dtype=bool)
    before = history[-2]
    settled: NDArray[np.bool_] = np.abs(before - now) <= now.dtype.type(tolerance) * before
    return settled
