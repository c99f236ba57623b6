"""Gauss-Newton with Levenberg-Marquardt damping on the latent: few steps, m adjoints each."""

from dataclasses import dataclass

import numpy as np

from bitprior_runtime.bundle.limits import MAX_ELEMENTS
from bitprior_runtime.engines.base import DifferentiableEngine
from bitprior_runtime.solvers.damping import Damping
from bitprior_runtime.solvers.latents import hard_threshold
from bitprior_runtime.solvers.running import Mask, Method, check_limits, run
from bitprior_runtime.solvers.solution import Array, Progress, Solution, check_range, check_whole

MAX_TRIALS = 12


@dataclass(frozen=True)
class GaussNewtonOptions:
    """Settings of the Gauss-Newton solver.

    Attributes:
        steps: Most steps; each takes one Jacobian, [m,k], of m adjoint evaluations a row.
        sparsity: s of P_s, or None for dense latents.
        tolerance: A row stops at the first latent whose loss differs from the one before by at
            most this share of it; 0 goes on until no step lowers the loss.
        max_seconds: Wall time after which no further step begins, s.
        damping: First lambda, as a share of the largest entry of diag(J^T J); 0: pure
            Gauss-Newton until a step fails.
    """

    steps: int = 20
    sparsity: int | None = None
    tolerance: float = 0.0
    max_seconds: float | None = None
    damping: float = 1e-3

    def __post_init__(self) -> None:
        check_limits(self)
        if self.sparsity is not None:
            check_whole("sparsity", self.sparsity, 1, MAX_ELEMENTS)
        check_range("damping", self.damping, least=0)


def gauss_newton(
    engine: DifferentiableEngine,
    y: Array,
    z0: Array,
    options: GaussNewtonOptions,
    progress: Progress | None = None,
) -> Solution:
    """Minimise f(z) = ||r(z)||^2, r(z) = A(G(z)) - y, subject to ||z||_0 <= s, row by row.

    A step solves min over d of ||r + J d||^2 + lambda ||d||^2, J = dr/dz, keeps the support S of
    P_s(z + d), and solves again with z zero outside of S. It starts at P_s(z0). Its memory is
    4 m k bytes a row in float32.

    Args:
        engine: The arithmetic.
        y: Measurements [B,m].
        z0: Start latents [B,k].
        options: Steps, s and the damping.
        progress: Called with (step, steps) after each step.

    Returns:
        The last latent, its loss, and the losses along the way.

    Raises:
        UsageError: y and z0 do not fit, or hold NaN or Inf.
    """
    return run(_GaussNewton(engine, y, z0, options), options, progress)


class _GaussNewton(Method):
    def __init__(
        self, engine: DifferentiableEngine, y: Array, z0: Array, options: GaussNewtonOptions
    ) -> None:
        super().__init__(engine, y, z0)
        self._vjp, self._s = engine.vjp, options.sparsity
        self.z = hard_threshold(z0, self._s).copy()  # changed in place, row by row
        self._residual = np.zeros_like(y)
        self._damping = Damping(len(z0), options.damping)

    def start(self) -> None:
        self._residual = self._residuals(self.z, np.arange(len(self.z)))

    def evaluate(self) -> Array:
        return _square(self._residual)

    def finished(self) -> Mask:
        return ~np.isfinite(self.evaluate())

    def loss_at_end(self, rows: Mask, f: Array | None) -> Array:
        return _square(self._residual[rows])

    def step(self) -> Mask:
        """Raise lambda in each row until the step lowers its loss."""
        jacobian = self._jacobians()
        self._damping.begin(jacobian)
        waiting, moved = np.arange(len(self.z)), np.zeros(len(self.z), dtype=bool)
        for _ in range(MAX_TRIALS):
            z = np.stack([self._trial(jacobian[row], row) for row in waiting.tolist()])
            residual = self._residuals(z, waiting)
            before, after = _square(self._residual[waiting]), _square(residual)
            linear = np.einsum("rmk,rk->rm", jacobian[waiting], z - self.z[waiting])
            predicted = before - _square(self._residual[waiting] + linear)
            lower = after < before
            self._damping.judge(waiting, lower, (before - after) / predicted)
            taken = waiting[lower]
            self.z[taken], self._residual[taken], moved[taken] = z[lower], residual[lower], True
            waiting = waiting[~lower]
            if not waiting.size:
                break
        return moved

    def _trial(self, jacobian: Array, row: int) -> Array:
        z, residual, weight = self.z[row], self._residual[row], self._damping.weight[row]
        full: Array = z + _damped(jacobian, residual, weight)
        if self._s is None or self._s >= len(z):
            return full
        support = np.flatnonzero(hard_threshold(full[np.newaxis], self._s)[0])
        trial: Array = np.zeros_like(z)
        trial[support] = z[support]
        residual = residual + jacobian @ (trial - z)
        trial[support] += _damped(jacobian[:, support], residual, weight)
        return trial

    def _jacobians(self) -> Array:
        """Return J of every row, [R,m,k]; m cotangents of one row go through as one batch."""
        unit = np.eye(self.y.shape[1], dtype=self.z.dtype)
        self.evaluations += len(unit)
        return np.stack([self._vjp(z[np.newaxis], unit) for z in self.z])

    def _residuals(self, z: Array, rows: Array) -> Array:
        self.evaluations[rows] += 1
        residual: Array = self.engine.sense(self.engine.generate(z)) - self.y[rows]
        return residual


def _damped(jacobian: Array, residual: Array, weight: float) -> Array:
    """Return d that minimises ||r + J d||^2 + weight ||d||^2, in float64 and by the smaller side.

    (J^T J + w I) d = -J^T r, or d = -J^T (J J^T + w I)^-1 r where m < k.
    """
    j = jacobian.astype(np.float64)
    m, k = j.shape
    gram = j @ j.T if m < k else j.T @ j
    # A singular system must stay solvable without damping: the rounding of its largest entry.
    floor = len(gram) * np.finfo(np.float64).eps * gram.diagonal().max(initial=0)
    gram[np.diag_indices_from(gram)] += max(weight, floor, np.finfo(np.float64).tiny)
    d = -j.T @ np.linalg.solve(gram, residual) if m < k else -np.linalg.solve(gram, j.T @ residual)
    step: Array = d.astype(jacobian.dtype)
    return step


def _square(residual: Array) -> Array:
    square: Array = np.einsum("rm,rm->r", residual, residual)
    return square
