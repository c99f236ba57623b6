"""Proximal gradient descent on the latent (Q-GEN, Algorithm 1, inner loop; SDLSS)."""

from dataclasses import dataclass

import numpy as np

from bitprior_runtime.engines.base import Engine
from bitprior_runtime.solvers.latents import hard_threshold
from bitprior_runtime.solvers.solution import Array, Progress, Solution, check_problem, check_range


@dataclass(frozen=True)
class ProximalOptions:
    """Settings of the proximal solver.

    Attributes:
        steps: T, gradient steps.
        step_size: beta; a bundle carries the one learned in training.
        sparsity: s of P_s, or None for dense latents.
    """

    steps: int = 50
    step_size: float = 0.01
    sparsity: int | None = None

    def __post_init__(self) -> None:
        check_range("steps", self.steps, least=1)
        check_range("step_size", self.step_size, least=0, open_end=True)
        if self.sparsity is not None:
            check_range("sparsity", self.sparsity, least=1)


def proximal(
    engine: Engine, y: Array, z0: Array, options: ProximalOptions, progress: Progress | None = None
) -> Solution:
    """Minimise f(z) = ||y - A(G(z))||^2 subject to ||z||_0 <= s, row by row.

    z <- P_s(z - beta grad f(z)), T times.

    Args:
        engine: The arithmetic.
        y: Measurements [B,m].
        z0: Start latents [B,k].
        options: T, beta and s.
        progress: Called with (step, steps) after each step.

    Returns:
        z_T, f(z_T) and f along the way.

    Raises:
        UsageError: y and z0 do not fit, or hold NaN or Inf.
    """
    check_problem(y, z0)
    z, beta, s = z0, options.step_size, options.sparsity
    history = []
    for t in range(options.steps):
        f, grad = engine.value_and_grad(z, y)
        history.append(f)
        z = hard_threshold(z - z.dtype.type(beta) * grad, s)
        if progress is not None:
            progress(t + 1, options.steps)
    history.append(engine.loss(z, y))
    return Solution(z, history[-1], np.stack(history))
