"""Proximal gradient steps with Nesterov's momentum (FISTA) and adaptive restart."""

import numpy as np

from bitprior_runtime.engines.base import Engine
from bitprior_runtime.solvers.backtracking import GROW, backtrack
from bitprior_runtime.solvers.latents import hard_threshold
from bitprior_runtime.solvers.running import ALL, Mask, Method
from bitprior_runtime.solvers.solution import Array
from bitprior_runtime.solvers.sums import inner

# Of a step size made for plain steps, this much is stable with momentum: see results/.
SHARE = 0.3


class Momentum(Method):
    """FISTA (Beck and Teboulle 2009) with the restarts of O'Donoghue and Candes (2015).

    z' = P_s(v - beta grad f(v)),  v' = z' + (theta - 1) / theta' (z' - z),
    theta' = (1 + sqrt(1 + 4 theta^2)) / 2. A row whose momentum points uphill,
    <v - z', z' - z> > 0, or whose f(v) has risen, begins anew with theta = 1. A learned beta is
    so long that only steps without momentum are stable; SHARE of it is not, nor is one found by
    line_search. All is float32, one operation at a time, but the sum of the inner product: that
    is float64, from the first entry on, so that every machine takes the same turn.

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
        rose = self._f > self._last
        self._v, self._theta = extrapolate(self._v, self.z, z, self._theta, rose)
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


def extrapolate(v: Array, z: Array, after: Array, theta: Array, rose: Mask) -> tuple[Array, Array]:
    """Return the next v [R,k] and theta [R].

    Args:
        v: Where the gradient was taken, [R,k].
        z: The latents before, [R,k].
        after: z', the latents now, [R,k].
        theta: [R].
        rose: Whether f(v) has risen, [R].
    """
    move = after - z
    uphill = (inner(v - after, move) > 0) | rose
    begun = np.where(uphill, 1, theta).astype(z.dtype)
    grown = ((1 + np.sqrt(1 + 4 * begun * begun)) / 2).astype(z.dtype)
    return after + ((begun - 1) / grown)[:, np.newaxis] * move, grown
