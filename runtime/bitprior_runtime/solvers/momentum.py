"""Proximal gradient steps with Nesterov's momentum (FISTA) and adaptive restart."""

import numpy as np

from bitprior_runtime.engines.base import Engine
from bitprior_runtime.solvers.backtracking import GROW, backtrack
from bitprior_runtime.solvers.latents import hard_threshold
from bitprior_runtime.solvers.running import ALL, Mask, Method
from bitprior_runtime.solvers.solution import Array


class Momentum(Method):
    """FISTA (Beck and Teboulle 2009) with the restarts of O'Donoghue and Candes (2015).

    z' = P_s(v - beta grad f(v)),  v' = z' + (theta - 1) / theta' (z' - z),
    theta' = (1 + sqrt(1 + 4 theta^2)) / 2. A row whose momentum points uphill,
    <v - z', z' - z> > 0, or whose f(v) has risen, begins anew with theta = 1. A learned beta is
    often so long that only steps without momentum are stable; line_search shortens it.

    Args:
        engine: The arithmetic.
        y: Measurements [B,m].
        z0: Start latents [B,k].
        beta: Step size, or the first one tried.
        s: s of P_s.
        line_search: Find beta by backtracking.
    """

    def __init__(
        self, engine: Engine, y: Array, z0: Array, beta: float, s: int | None, *, line_search: bool
    ) -> None:
        super().__init__(engine, y, z0)
        self._s, self._line_search = s, line_search
        self._beta = np.full(len(z0), beta, dtype=z0.dtype)
        self._theta = np.ones(len(z0), dtype=z0.dtype)
        self._v, self._grad = z0, np.zeros_like(z0)
        self._f, self._last = (np.full(len(z0), np.inf, dtype=z0.dtype) for _ in range(2))

    def evaluate(self) -> Array:
        """Return f(v), and take the gradient there."""
        self._last = self._f
        self._f, self._grad = self.value_and_grad(self._v, ALL)
        return self._f

    def finished(self) -> Mask:
        """Return rows with a line search whose f is not finite: no step can be judged."""
        return ~np.isfinite(self._f) & self._line_search

    def step(self) -> Mask:
        """Step from v to z', then extrapolate."""
        z, moved = self._next()
        move, v = z - self.z, self._v
        uphill = (((v - z) * move).sum(axis=1) > 0) | (self._f > self._last)
        theta = np.where(uphill, 1, self._theta).astype(z.dtype)
        self._theta = ((1 + np.sqrt(1 + 4 * theta * theta)) / 2).astype(z.dtype)
        self._v = z + ((theta - 1) / self._theta)[:, np.newaxis] * move
        self.z = z
        return moved

    def loss_at_end(self, rows: Mask, f: Array | None) -> Array:
        """Return f(z): evaluated elsewhere so far."""
        return self.loss(self.z[rows], rows)

    def _next(self) -> tuple[Array, Mask]:
        if not self._line_search:
            z = hard_threshold(self._v - self._beta[:, np.newaxis] * self._grad, self._s)
            return z, np.ones(len(z), dtype=bool)
        # The next gradient is taken elsewhere: f alone is enough.
        end = backtrack(
            lambda z, rows: (self.loss(z, rows), None),
            self._v, self._f, self._grad, self._beta, self._s,
        )  # fmt: skip
        self._beta = end.beta * self._beta.dtype.type(GROW)
        z = np.where(end.found[:, np.newaxis], end.z, self.z)
        return z, end.found
