"""The loop all solvers share: steps on the rows that still run, until each has stopped."""

import time
from abc import ABC, abstractmethod
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.bundle.limits import MAX_STEPS
from bitprior_runtime.engines.base import Engine
from bitprior_runtime.solvers.solution import (
    Array,
    Progress,
    Solution,
    check_problem,
    check_range,
    check_whole,
)

Mask: TypeAlias = NDArray[np.bool_]
# Which rows: a mask, indices, or all of them.
Which: TypeAlias = NDArray[Any] | slice
ALL = slice(None)


class Limits(Protocol):
    """When a solver ends; part of every solver's options.

    Attributes:
        steps: T, the most steps a row takes.
        tolerance: A row stops at the first latent whose loss differs from the one before by at
            most this share of it, or is not finite; 0 takes all steps.
        max_seconds: Wall time after which no further step begins, s; at least one is taken.
    """

    @property
    def steps(self) -> int: ...  # noqa: D102
    @property
    def tolerance(self) -> float: ...  # noqa: D102
    @property
    def max_seconds(self) -> float | None: ...  # noqa: D102


def check_limits(limits: Limits) -> None:
    """Check what ends a solver.

    Raises:
        UsageError: Out of range.
    """
    check_whole("steps", limits.steps, 1, MAX_STEPS)
    check_range("tolerance", limits.tolerance, least=0, below=1)
    if limits.max_seconds is not None:
        check_range("max_seconds", limits.max_seconds, least=0, open_end=True)


class Rows:
    """Arrays with one entry a running row along their first axis, and nothing but such arrays."""

    def keep(self, rows: Mask) -> None:
        """Drop all rows but these from every array."""
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                setattr(self, name, value[rows])
            elif isinstance(value, Rows):
                value.keep(rows)


class Method(Rows, ABC):
    """A solver's state between steps.

    Args:
        engine: The arithmetic.
        y: Measurements [B,m].
        z0: Start latents [B,k].

    Attributes:
        z: Latents of the running rows [R,k].
        y: Their measurements [R,m].
        evaluations: Evaluations of the networks so far, [R].

    Raises:
        UsageError: y and z0 do not fit, or hold NaN or Inf.
    """

    def __init__(self, engine: Engine, y: Array, z0: Array) -> None:
        check_problem(y, z0)
        self.engine = engine
        self.y, self.z = y, z0
        self.evaluations = np.zeros(len(z0), dtype=np.int64)

    def start(self) -> None:
        """Evaluate what :meth:`evaluate` cannot, once before the first step."""

    @abstractmethod
    def evaluate(self) -> Array:
        """Return f before the next step, [R]; keep what :meth:`step` needs."""

    @abstractmethod
    def step(self) -> Mask:
        """Move the rows; return which have moved, [R]. Those that have not are at their end."""

    def finished(self) -> Mask:
        """Return the rows that need no further step by the solver's own rules, [R]."""
        return np.zeros(len(self.z), dtype=bool)

    def loss_at_end(self, rows: Mask, f: Array | None) -> Array:
        """Return f(z) of rows that end, given what :meth:`evaluate` returned at their z, if so."""
        return self.loss(self.z[rows], rows) if f is None else f[rows]

    def loss(self, z: Array, rows: Which) -> Array:
        """Return f(z) for ``rows``, and count it."""
        self.evaluations[rows] += 1
        return self.engine.loss(z, self.y[rows])

    def value_and_grad(self, z: Array, rows: Which) -> tuple[Array, Array]:
        """Return f(z) and its gradient for ``rows``, and count it."""
        self.evaluations[rows] += 1
        return self.engine.value_and_grad(z, self.y[rows])


def run(method: Method, limits: Limits, progress: Progress | None = None) -> Solution:
    """Step until every row has stopped, all steps are taken or the time is up.

    Rows that have stopped leave the batch. While none does, which is sure with a tolerance of 0
    and a solver without rules of its own, the engine sees the same batch at every step, so that
    BLAS rounds every row the same way in every run.

    Args:
        method: A solver at its start.
        limits: When to end.
        progress: Called with (step, steps) after each step.
    """
    begin, record = time.perf_counter(), _Record(method)
    # A row that overflows is reported by its loss; it must not fill the log, nor stop the others.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        method.start()
        for t in range(limits.steps):
            f = method.evaluate()
            record.note(f)
            record.close(method.finished() | record.settled(limits.tolerance), f, t)
            if not record.running.size:
                break
            record.close(~method.step(), None, t)
            if progress is not None:
                progress(t + 1, limits.steps)
            if not record.running.size or _is_over(begin, limits.max_seconds):
                break
        if record.running.size:
            record.history.append(record.history[-1].copy())
            record.close(np.ones(record.running.size, dtype=bool), None, t + 1)
    return record.solution()


def _is_over(begin: float, max_seconds: float | None) -> bool:
    return max_seconds is not None and time.perf_counter() - begin >= max_seconds


class _Record:
    """What has become of all rows.

    Attributes:
        running: Indices of the rows that still run.
        history: f of all rows at each step.
    """

    def __init__(self, method: Method) -> None:
        rows = len(method.z)
        self.running = np.arange(rows)
        self.history: list[Array] = []
        self._method = method
        self._latent = method.z.copy()
        self._steps = np.zeros(rows, dtype=np.int64)
        self._evaluations = np.zeros(rows, dtype=np.int64)

    def note(self, f: Array) -> None:
        """Append the losses of a step; rows that have stopped keep theirs."""
        now = self.history[-1].copy() if self.history else f.copy()
        now[self.running] = f
        self.history.append(now)

    def settled(self, tolerance: float) -> Mask:
        """Return the running rows whose loss has hardly changed, or is not finite."""
        now = self.history[-1][self.running]
        if tolerance == 0:
            return np.zeros(len(now), dtype=bool)
        settled: Mask = ~np.isfinite(now)
        if len(self.history) > 1:
            before = self.history[-2][self.running]
            settled |= np.abs(before - now) <= now.dtype.type(tolerance) * before
        return settled

    def close(self, rows: Mask, f: Array | None, steps: int) -> None:
        """Take ``rows`` (a mask over the running ones) out of the batch after ``steps`` steps."""
        if not rows.any():
            return
        method, index = self._method, self.running[rows]
        self.history[-1][index] = method.loss_at_end(rows, f)
        self._latent[index] = method.z[rows]
        self._steps[index] = steps
        self._evaluations[index] = method.evaluations[rows]
        self.running = self.running[~rows]
        method.keep(~rows)

    def solution(self) -> Solution:
        """Return the end of all rows."""
        return Solution(
            latent=self._latent,
            loss=self.history[-1],
            history=np.stack(self.history),
            steps=self._steps,
            evaluations=self._evaluations,
        )
