"""L-BFGS on the latent: with a strong Wolfe line search, or with torch's fixed steps."""

from dataclasses import dataclass

import numpy as np

from bitprior_runtime.bundle.limits import MAX_STEPS
from bitprior_runtime.engines.base import Engine
from bitprior_runtime.solvers.curvature import Curvature
from bitprior_runtime.solvers.running import ALL, Mask, Method, check_limits, run
from bitprior_runtime.solvers.solution import (
    Array,
    Progress,
    Solution,
    check_range,
    check_step_size,
    check_whole,
)
from bitprior_runtime.solvers.wolfe import strong_wolfe


@dataclass(frozen=True)
class LbfgsOptions:
    """Settings of L-BFGS (Liu and Nocedal 1989). Latents are dense: P_s breaks its curvature.

    Without ``line_search`` it takes the steps of ``torch.optim.LBFGS``, as Generator Surgery does:
    ``steps`` is its max_iter, ``step_size`` its lr; max_eval has no limit.

    Attributes:
        steps: Most iterations. Few by default: dense latents fit whatever noise is in y later on.
        step_size: Length of a step, or the first one tried; the very first is shortened to
            min(1, 1 / |grad f|_1) of it.
        tolerance: A row stops when its loss has changed by at most this share; 0: see below.
        max_seconds: Wall time after which no further step begins, s.
        line_search: Search a step for the strong Wolfe conditions.
        history: Pairs of steps and gradient changes kept a row.
        tolerance_grad: A row stops when no entry of the gradient is larger.
        tolerance_change: A row stops when f, no entry of z, or the slope along the direction
            changes by more.
    """

    steps: int = 30
    step_size: float = 1.0
    tolerance: float = 0.0
    max_seconds: float | None = None
    line_search: bool = True
    history: int = 100
    tolerance_grad: float = 1e-7
    tolerance_change: float = 1e-9

    def __post_init__(self) -> None:
        check_limits(self)
        check_step_size(self.step_size)
        check_whole("history", self.history, 1, MAX_STEPS)
        check_range("tolerance_grad", self.tolerance_grad, least=0)
        check_range("tolerance_change", self.tolerance_change, least=0)


def lbfgs(
    engine: Engine, y: Array, z0: Array, options: LbfgsOptions, progress: Progress | None = None
) -> Solution:
    """Minimise f(z) = ||y - A(G(z))||^2 with L-BFGS, row by row.

    Args:
        engine: The arithmetic.
        y: Measurements [B,m].
        z0: Start latents [B,k].
        options: Steps, line search and tolerances.
        progress: Called with (step, steps) after each step.

    Returns:
        The last latent, its loss, and the losses along the way.

    Raises:
        UsageError: y and z0 do not fit, or hold NaN or Inf.
    """
    return run(_Lbfgs(engine, y, z0, options), options, progress)


class _Lbfgs(Method):
    def __init__(self, engine: Engine, y: Array, z0: Array, options: LbfgsOptions) -> None:
        super().__init__(engine, y, z0)
        self._options, self._first = options, True
        rows, size = z0.shape
        self._curvature = Curvature(rows, size, options.history, z0.dtype)
        self._f, self._finished = np.zeros(rows, dtype=z0.dtype), np.zeros(rows, dtype=bool)
        self._grad, self._direction = np.zeros_like(z0), np.zeros_like(z0)

    def start(self) -> None:
        self._f, self._grad = self.value_and_grad(self.z, ALL)
        self._direction = -self._grad
        self._finished = ~np.isfinite(self._f) | self._flat()

    def evaluate(self) -> Array:
        return self._f

    def finished(self) -> Mask:
        return self._finished

    def loss_at_end(self, rows: Mask, f: Array | None) -> Array:
        return self._f[rows]

    def step(self) -> Mask:
        first = np.full(len(self.z), self._options.step_size, dtype=self.z.dtype)
        if self._first:
            first *= np.minimum(1, 1 / np.abs(self._grad).sum(axis=1))
            self._first = False
        if self._options.line_search:
            end = strong_wolfe(
                self.value_and_grad, self.z, self._f, self._grad, self._direction, first
            )
            length, f, grad = end.step.astype(self.z.dtype), end.f, end.grad
            z = self.z + length[:, np.newaxis] * self._direction
        else:
            length = first
            z = self.z + length[:, np.newaxis] * self._direction
            f, grad = self.value_and_grad(z, ALL)
        self._arrive(z, f, grad, length[:, np.newaxis] * self._direction)
        moved: Mask = length > 0
        return moved

    def _arrive(self, z: Array, f: Array, grad: Array, step: Array) -> None:
        """Go to z; find the next direction and the rows that are at their end."""
        least = self._options.tolerance_change
        self._curvature.add(step, grad - self._grad)
        still = (np.abs(step).max(axis=1) <= least) | (np.abs(f - self._f) < least)
        self.z, self._f, self._grad = z, f, grad
        self._direction = self._curvature.direction(grad)
        slope = np.einsum("rk,rk->r", grad, self._direction)
        self._finished = ~np.isfinite(f) | self._flat() | still | (slope > -least)

    def _flat(self) -> Mask:
        flat: Mask = np.abs(self._grad).max(axis=1) <= self._options.tolerance_grad
        return flat
