"""Line search for the strong Wolfe conditions, all rows of a batch at once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from bitprior_runtime.solvers.solution import Array

# Nocedal and Wright (2006), 3.1: c1 and c2 for quasi-Newton directions.
DECREASE = 1e-4
CURVATURE = 0.9
MAX_TRIALS = 25
EXPAND = 2.0
# A new trial keeps this share of the bracket from both of its ends.
MARGIN = 0.1

# (latents, indices of their rows) -> (f, its gradient)
Evaluate: TypeAlias = Callable[[Array, Array], tuple[Array, Array]]


@dataclass(eq=False)
class Found:
    """Where a line search ended.

    Attributes:
        step: Step lengths [R]; 0 where no step lowers f.
        f: f there, [R].
        grad: Its gradient there, [R,k].
    """

    step: Array
    f: Array
    grad: Array


def strong_wolfe(
    evaluate: Evaluate, z: Array, f: Array, grad: Array, direction: Array, first: Array
) -> Found:
    """Find t with f(z + t d) <= f + c1 t f' and |f'(z + t d)| <= c2 |f'|, in each row.

    Bracketing and zoom of Nocedal and Wright (Algorithms 3.5 and 3.6) as one loop: the bracket
    runs from ``low``, the best step so far, to ``high``, at first infinite. A row that finds no
    such t in MAX_TRIALS takes the best step of sufficient decrease, if there was one.

    Args:
        evaluate: Gives f and its gradient for some rows.
        z: Latents [R,k].
        f: f(z), [R].
        grad: grad f(z), [R,k].
        direction: d, [R,k], downhill.
        first: Steps to try first, [R], above 0.
    """
    search = _Search(f, grad, direction)
    t, waiting = first.astype(np.float64), np.arange(len(f))
    for _ in range(MAX_TRIALS):
        d = direction[waiting]
        value, slope = evaluate(z[waiting] + t[waiting, np.newaxis].astype(z.dtype) * d, waiting)
        waiting = search.narrow(waiting, t[waiting], value, slope, d)
        if not waiting.size:
            break
        t[waiting] = search.next_trial(waiting, t[waiting])
    return Found(search.low, search.f_low.astype(f.dtype), search.grad_low)


class _Search:
    """Brackets [low, high] of all rows with f and f' at their ends, in float64."""

    def __init__(self, f: Array, grad: Array, direction: Array) -> None:
        self.f0 = f.astype(np.float64)
        self.slope0 = _dot(grad, direction)
        self.low, self.high = np.zeros(len(f)), np.full(len(f), np.inf)
        self.f_low, self.f_high = self.f0.copy(), np.zeros(len(f))
        self.slope_low, self.slope_high = self.slope0.copy(), np.zeros(len(f))
        self.grad_low = grad.copy()

    def narrow(self, rows: Array, t: Array, f: Array, grad: Array, d: Array) -> Array:
        """Take in a trial; return the indices of rows that need another one."""
        slope = _dot(grad, d)
        bound = self.f0[rows] + DECREASE * t * self.slope0[rows]
        # Written so that NaN is too high.
        lower = (f <= bound) & (f < self.f_low[rows])
        wolfe = lower & (np.abs(slope) <= CURVATURE * np.abs(self.slope0[rows]))
        self._set_high(rows[~lower], t[~lower], f[~lower], slope[~lower])
        # The minimum lies behind: the old low end becomes the far one.
        turned = lower & ~wolfe & (slope * np.sign(self.high[rows] - self.low[rows]) >= 0)
        old = rows[turned]
        self._set_high(old, self.low[old], self.f_low[old], self.slope_low[old])
        new = rows[lower]
        self.low[new], self.f_low[new], self.slope_low[new] = t[lower], f[lower], slope[lower]
        self.grad_low[new] = grad[lower]
        return rows[~wolfe]

    def next_trial(self, rows: Array, t: Array) -> Array:
        """Return the next t: further out while there is no bracket, else by cubic interpolation."""
        low, high = self.low[rows], self.high[rows]
        open_end = np.isinf(high)
        width = np.where(open_end, 0, high - low)
        share = _cubic_minimum(
            self.f_low[rows], self.slope_low[rows] * width,
            self.f_high[rows], self.slope_high[rows] * width,
        )  # fmt: skip
        share = np.clip(np.where(np.isfinite(share), share, 0.5), MARGIN, 1 - MARGIN)
        trial: Array = np.where(open_end, EXPAND * t, low + share * width)
        return trial

    def _set_high(self, rows: Array, t: Array, f: Array, slope: Array) -> None:
        self.high[rows], self.f_high[rows], self.slope_high[rows] = t, f, slope


def _cubic_minimum(f0: Array, slope0: Array, f1: Array, slope1: Array) -> Array:
    """Return the minimum in [0,1] of the cubic with these values and slopes at 0 and 1."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        a = slope0 + slope1 - 3 * (f1 - f0)
        root = np.sqrt(a * a - slope0 * slope1)
        share: Array = 1 - (slope1 + root - a) / (slope1 - slope0 + 2 * root)
    return share


def _dot(a: Array, b: Array) -> Array:
    product: Array = np.einsum("rk,rk->r", a, b, dtype=np.float64)
    return product
