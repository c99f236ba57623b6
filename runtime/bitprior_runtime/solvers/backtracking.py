"""Proximal gradient steps whose length is found by backtracking, a row at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from bitprior_runtime.engines.base import Engine
from bitprior_runtime.solvers.latents import hard_threshold
from bitprior_runtime.solvers.running import ALL, Mask, Method
from bitprior_runtime.solvers.solution import Array
from bitprior_runtime.solvers.sums import inner

MAX_TRIALS = 40
SHRINK = 0.5
GROW = 1.5
# f is known to a few units in the last place only; without this, rows near their end would
# shrink beta over noise.
ROUNDING = 8

# (latents, indices of their rows) -> (f, its gradient or None)
Evaluate: TypeAlias = Callable[[Array, Array], tuple[Array, Array | None]]


@dataclass(eq=False)
class Searched:
    """Where a search for beta ended.

    Attributes:
        z: Latents [R,k]; those of rows without a step are where they were.
        f: f(z), [R].
        grad: Its gradient [R,k]; zeros if the evaluations gave none.
        beta: Step sizes [R].
        found: Rows with a step of sufficient decrease, [R].
    """

    z: Array
    f: Array
    grad: Array
    beta: Array
    found: Mask


def backtrack(
    evaluate: Evaluate, point: Array, f: Array, grad: Array, beta: Array, s: int | None
) -> Searched:
    """Halve beta in each row until z = P_s(v - beta grad f(v)) lies below the model around v.

    f(z) <= f(v) + <grad f(v), z - v> + ||z - v||^2 / (2 beta)   (Beck and Teboulle 2009, FISTA)

    The right side is float64, its sums in a fixed order: with an engine whose losses and gradients
    are the same bits everywhere, so are the steps.

    Args:
        evaluate: Gives f, and the gradient if it is worth keeping, of some rows.
        point: v, [R,k].
        f: f(v), [R].
        grad: grad f(v), [R,k].
        beta: Step sizes to begin with, [R].
        s: s of P_s.
    """
    end = Searched(
        point.copy(), f.copy(), np.zeros_like(point), beta.copy(), np.zeros(len(f), dtype=bool)
    )
    waiting = np.arange(len(f))
    slack = ROUNDING * np.finfo(f.dtype).eps
    for _ in range(MAX_TRIALS):
        v, slope, size = point[waiting], grad[waiting], end.beta[waiting]
        z = hard_threshold(v - size[:, np.newaxis] * slope, s)
        value, slope_there = evaluate(z, waiting)
        move = z - v
        model = f[waiting] + inner(slope, move) + inner(move, move) / (2 * size)
        fits = value <= model + slack * f[waiting]
        done = waiting[fits]
        end.z[done], end.f[done], end.found[done] = z[fits], value[fits], True
        if slope_there is not None:
            end.grad[done] = slope_there[fits]
        waiting = waiting[~fits]
        if not waiting.size:
            break
        end.beta[waiting] *= SHRINK
    return end


class Backtracking(Method):
    """Proximal gradient with beta from :func:`backtrack`; f never rises by more than rounding.

    Args:
        engine: The arithmetic.
        y: Measurements [B,m].
        z0: Start latents [B,k].
        beta: First step size tried.
        s: s of P_s.
    """

    def __init__(self, engine: Engine, y: Array, z0: Array, beta: float, s: int | None) -> None:
        super().__init__(engine, y, z0)
        self._s = s
        self._beta = np.full(len(z0), beta, dtype=z0.dtype)
        self._f, self._grad = np.zeros(len(z0), dtype=z0.dtype), np.zeros_like(z0)

    def start(self) -> None:
        """Evaluate f and its gradient at z0."""
        self._f, self._grad = self.value_and_grad(self.z, ALL)

    def evaluate(self) -> Array:
        """Return f(z); the search has evaluated it."""
        return self._f

    def finished(self) -> Mask:
        """Return rows whose f is not finite: no step can be judged."""
        return ~np.isfinite(self._f)

    def step(self) -> Mask:
        """Search beta from a little above the last one."""
        end = backtrack(self.value_and_grad, self.z, self._f, self._grad, self._beta, self._s)
        self.z, self._f, self._grad = end.z, end.f, end.grad
        self._beta = end.beta * end.beta.dtype.type(GROW)
        return end.found

    def loss_at_end(self, rows: Mask, f: Array | None) -> Array:
        """Return f(z), which is known."""
        return self._f[rows]
