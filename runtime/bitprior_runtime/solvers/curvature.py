"""The memory of L-BFGS: the last steps and changes of the gradient, row by row."""

import numpy as np

from bitprior_runtime.solvers.running import Rows
from bitprior_runtime.solvers.solution import Array

# Pairs with less curvature are left out (torch.optim.LBFGS).
LEAST_CURVATURE = 1e-10


class Curvature(Rows):
    """Pairs (s, y) of the last steps, s = z' - z, y = grad f(z') - grad f(z).

    Every row leaves out pairs of its own, so each has a ring of its own: pair n of a row is in
    slot n mod ``history``. Slots are made when first needed.

    Args:
        rows: R.
        size: k.
        history: Most pairs kept.
        dtype: Of the latents.
    """

    def __init__(self, rows: int, size: int, history: int, dtype: np.dtype[np.floating]) -> None:
        self._history = history
        self._s, self._y = (np.zeros((rows, 0, size), dtype) for _ in range(2))
        self._rho = np.zeros((rows, 0), dtype)
        self._count = np.zeros(rows, dtype=np.int64)
        self._scale = np.ones(rows, dtype)

    def add(self, s: Array, y: Array) -> None:
        """Remember a pair [R,k] in the rows where <s, y> is large enough."""
        curvature = _dot(y, s)
        rows = np.flatnonzero(curvature > LEAST_CURVATURE)
        if not rows.size:
            return
        slot = self._count[rows] % self._history
        self._make_slots(int(slot.max()) + 1)
        self._s[rows, slot], self._y[rows, slot] = s[rows], y[rows]
        self._rho[rows, slot] = 1 / curvature[rows]
        self._scale[rows] = curvature[rows] / _dot(y[rows], y[rows])
        self._count[rows] += 1

    def direction(self, grad: Array) -> Array:
        """Return -H grad by the two-loop recursion (Nocedal and Wright, Algorithm 7.4), [R,k]."""
        ages = range(int(np.minimum(self._count, self._history).max(initial=0)))
        r, weights = -grad, []
        for age in ages:
            s, y, rho = self._pair(age)
            weights.append(rho * _dot(s, r))
            r -= weights[-1][:, np.newaxis] * y
        r *= self._scale[:, np.newaxis]
        for age in reversed(ages):
            s, y, rho = self._pair(age)
            r += (weights[age] - rho * _dot(y, r))[:, np.newaxis] * s
        return r

    def _pair(self, age: int) -> tuple[Array, Array, Array]:
        """Return s, y and 1/<s,y> of the pair ``age`` pairs ago; the last is 0 in rows without."""
        first = self._count[0]
        if (self._count == first).all():  # one slot for all rows: no copies
            slot = (first - 1 - age) % self._history
            return self._s[:, slot], self._y[:, slot], self._rho[:, slot]
        held = age < np.minimum(self._count, self._history)
        slots = np.where(held, (self._count - 1 - age) % self._history, 0)
        row = np.arange(len(slots))
        return self._s[row, slots], self._y[row, slots], np.where(held, self._rho[row, slots], 0)

    def _make_slots(self, needed: int) -> None:
        have = self._s.shape[1]
        if needed <= have:
            return
        # Doubled, so that n pairs are copied at most twice.
        more = min(max(needed, 2 * have), self._history) - have
        self._s, self._y = (np.pad(a, ((0, 0), (0, more), (0, 0))) for a in (self._s, self._y))
        self._rho = np.pad(self._rho, ((0, 0), (0, more)))


def _dot(a: Array, b: Array) -> Array:
    product: Array = np.einsum("rk,rk->r", a, b)
    return product
