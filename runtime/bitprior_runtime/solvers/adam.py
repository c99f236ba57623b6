"""Adam on the latent (the optimiser of CSGM), with P_s after each step if asked."""

from dataclasses import dataclass

import numpy as np

from bitprior_runtime.engines.base import Engine
from bitprior_runtime.solvers.latents import hard_threshold
from bitprior_runtime.solvers.solution import Array, Progress, Solution, check_problem, check_range


@dataclass(frozen=True)
class AdamOptions:
    """Settings of Adam (Kingma and Ba, 2015).

    Attributes:
        steps: Gradient steps.
        step_size: alpha.
        beta1: Decay of the first moment.
        beta2: Decay of the second moment.
        epsilon: Added to the root of the second moment.
        sparsity: s of P_s, or None for dense latents.
    """

    steps: int = 200
    step_size: float = 0.03
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    sparsity: int | None = None

    def __post_init__(self) -> None:
        check_range("steps", self.steps, least=1)
        check_range("step_size", self.step_size, least=0, open_end=True)
        check_range("beta1", self.beta1, least=0, below=1)
        check_range("beta2", self.beta2, least=0, below=1)
        check_range("epsilon", self.epsilon, least=0, open_end=True)
        if self.sparsity is not None:
            check_range("sparsity", self.sparsity, least=1)


def adam(
    engine: Engine, y: Array, z0: Array, options: AdamOptions, progress: Progress | None = None
) -> Solution:
    """Minimise f(z) = ||y - A(G(z))||^2 with Adam, row by row.

    Args:
        engine: The arithmetic.
        y: Measurements [B,m].
        z0: Start latents [B,k].
        options: Step size and decays.
        progress: Called with (step, steps) after each step.

    Returns:
        The last latent, its loss, and the losses along the way.

    Raises:
        UsageError: y and z0 do not fit, or hold NaN or Inf.
    """
    check_problem(y, z0)
    z = z0
    first, second = np.zeros_like(z0), np.zeros_like(z0)
    b1, b2 = options.beta1, options.beta2
    history = []
    for t in range(1, options.steps + 1):
        f, grad = engine.value_and_grad(z, y)
        history.append(f)
        first = (b1 * first + (1 - b1) * grad).astype(z0.dtype)
        second = (b2 * second + (1 - b2) * grad * grad).astype(z0.dtype)
        scale = np.sqrt(second / (1 - b2**t)) + options.epsilon
        step = options.step_size * (first / (1 - b1**t)) / scale
        z = hard_threshold((z - step).astype(z0.dtype), options.sparsity)
        if progress is not None:
            progress(t, options.steps)
    history.append(engine.loss(z, y))
    return Solution(z, history[-1], np.stack(history))
