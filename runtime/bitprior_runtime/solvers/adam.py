"""Adam on the latent (the optimiser of CSGM), with P_s after each step if asked."""

from dataclasses import dataclass

import numpy as np

from bitprior_runtime.bundle.limits import MAX_ELEMENTS
from bitprior_runtime.engines.base import Engine
from bitprior_runtime.solvers.latents import hard_threshold
from bitprior_runtime.solvers.running import ALL, Mask, Method, check_limits, run
from bitprior_runtime.solvers.solution import (
    Array,
    Progress,
    Solution,
    check_range,
    check_step_size,
    check_whole,
)


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
        tolerance: A row stops at the first latent whose loss differs from the one before by at
            most this share of it; 0 takes all steps.
        max_seconds: Wall time after which no further step begins, s.
    """

    steps: int = 200
    step_size: float = 0.03
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    sparsity: int | None = None
    tolerance: float = 0.0
    max_seconds: float | None = None

    def __post_init__(self) -> None:
        check_limits(self)
        check_step_size(self.step_size)
        check_range("beta1", self.beta1, least=0, below=1)
        check_range("beta2", self.beta2, least=0, below=1)
        check_range("epsilon", self.epsilon, least=0, open_end=True)
        if self.sparsity is not None:
            check_whole("sparsity", self.sparsity, 1, MAX_ELEMENTS)


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
    return run(_Adam(engine, y, z0, options), options, progress)


class _Adam(Method):
    def __init__(self, engine: Engine, y: Array, z0: Array, options: AdamOptions) -> None:
        super().__init__(engine, y, z0)
        self._options, self._t = options, 0
        self._grad = np.zeros_like(z0)
        self._first, self._second = np.zeros_like(z0), np.zeros_like(z0)

    def evaluate(self) -> Array:
        f, self._grad = self.value_and_grad(self.z, ALL)
        return f

    def step(self) -> Mask:
        self._t += 1
        b1, b2 = self._options.beta1, self._options.beta2
        grad, dtype = self._grad, self.z.dtype
        self._first = (b1 * self._first + (1 - b1) * grad).astype(dtype)
        self._second = (b2 * self._second + (1 - b2) * grad * grad).astype(dtype)
        scale = np.sqrt(self._second / (1 - b2**self._t)) + self._options.epsilon
        step = self._options.step_size * (self._first / (1 - b1**self._t)) / scale
        self.z = hard_threshold((self.z - step).astype(dtype), self._options.sparsity)
        return np.ones(len(self.z), dtype=bool)
