"""From measurements to images: restarts, batches, and the choice of the best restart."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.engines.base import Engine
from bitprior_runtime.solvers import Progress, Solution, initial_latents
from bitprior_runtime.solvers.choice import MAX_ROWS
from bitprior_runtime.solvers.latents import InitialLatent
from bitprior_runtime.solvers.solution import Array, Counts

FloatArray: TypeAlias = NDArray[np.float32]
# (measurements [R,m], start latents [R,k], seconds it may take or None, progress)
Solve: TypeAlias = Callable[[FloatArray, FloatArray, float | None, Progress | None], Solution]


@dataclass(frozen=True, eq=False)
class Recovery:
    """What a recovery found.

    Attributes:
        image: G(latent), float32 [B,C,H,W] in [0,1]; of the learned search with its correction.
        latent: float32 [B,k].
        loss: f(latent) = ||y - A(G(latent))||^2, [B].
        history: f before each step and at the end, of the restart that won, [longest + 1, B]; the
            last value is repeated where a row stopped earlier.
        steps: Steps the restart that won took, [B].
        evaluations: How often the networks were evaluated for each measurement, by all restarts
            together, [B].
        engine: Name of the engine that ran.
        kernel: Name of the kernel that ran.
        solver: Name of the solver.
        seconds: Wall time of the whole call.
        provider: Execution provider that ran, of the onnx engine; None for the others.
        start: G(z0), where the learned search began, as ``image``; None of the other solvers.
    """

    image: FloatArray
    latent: FloatArray
    loss: FloatArray
    history: FloatArray
    steps: Counts
    evaluations: Counts
    engine: str
    kernel: str
    solver: str
    seconds: float
    provider: str | None = None
    start: FloatArray | None = None


@dataclass(frozen=True)
class Restarts:
    """Where the latents start.

    Attributes:
        count: Restarts per measurement; the lowest measurement loss wins, never the truth.
        seed: Seed of the start latents.
        kind: Distribution of the start latents.
        latent: Start latents of the first restart, [B,k]; None: drawn as the others.
        mirrored: Whether every restart also starts at -z0, as phase retrieval wants it: near a
            negative multiple of the true latent its loss has a stationary point.
    """

    count: int
    seed: int
    kind: InitialLatent
    latent: FloatArray | None = None
    mirrored: bool = False

    @property
    def starts(self) -> int:
        """Start latents per measurement."""
        return 2 * self.count if self.mirrored else self.count

    def draw(self, rows: int, size: int, y: FloatArray | None = None) -> FloatArray:
        """Return the start latents of ``rows`` measurements y, [starts, rows, size]."""
        z0 = initial_latents(rows, size, self.seed, self.count, self.kind, y)
        if self.latent is not None:
            z0[0] = self.latent
        return np.concatenate([z0, -z0]) if self.mirrored else z0


def recover(
    engine: Engine,
    solver: str,
    solve: Solve,
    y: FloatArray,
    latent_size: int,
    restarts: Restarts,
    *,
    max_rows: int = MAX_ROWS,
    max_seconds: float | None = None,
    progress: Progress | None = None,
) -> Recovery:
    """Recover images from measurements y [B,m]; see :class:`Recovery`.

    Args:
        engine: The arithmetic.
        solver: The solver's name, for the record.
        solve: Runs the solver on some rows.
        y: Measurements [B,m], already checked.
        latent_size: k.
        restarts: How many starts, and from where.
        max_rows: Most rows in one batch; the restarts of a measurement stay together.
        max_seconds: Wall time of all batches together, s; each gets its share of what is left.
        progress: Called with (step, steps) over all batches.
    """
    begin = time.perf_counter()
    z0 = restarts.draw(len(y), latent_size, y)
    rows = max(1, max_rows // restarts.starts)
    starts = range(0, len(y), rows)
    parts = []
    for index, start in enumerate(starts):
        chunk = slice(start, start + rows)
        left = None if max_seconds is None else max_seconds - (time.perf_counter() - begin)
        seconds = None if left is None else max(left, 1e-9) / (len(starts) - index)
        shifted = _shifted(progress, index, len(starts))
        parts.append(_best_of(solve, y[chunk], z0[:, chunk], seconds, shifted))
    latent = np.concatenate([part.latent for part in parts])
    image = np.concatenate(
        [engine.generate(latent[start : start + MAX_ROWS]) for start in range(0, len(y), MAX_ROWS)]
    )
    longest = max(len(part.history) for part in parts)
    return Recovery(
        image=image,
        latent=latent,
        loss=np.concatenate([part.loss for part in parts]),
        history=np.concatenate([_lengthened(part.history, longest) for part in parts], axis=1),
        steps=np.concatenate([part.steps for part in parts]),
        evaluations=np.concatenate([part.evaluations for part in parts]),
        engine=engine.name,
        kernel=engine.kernel,
        solver=solver,
        seconds=time.perf_counter() - begin,
        provider=getattr(engine, "provider", None),
    )


def _best_of(
    solve: Solve, y: FloatArray, z0: FloatArray, seconds: float | None, progress: Progress | None
) -> Solution:
    """Run all restarts as rows of one batch and keep the lowest loss of each measurement."""
    count, rows, size = z0.shape
    solution = solve(np.tile(y, (count, 1)), z0.reshape(count * rows, size), seconds, progress)
    loss = solution.loss.reshape(count, rows)
    # A restart that ended in NaN must not win: NaN compares as smallest in argmin.
    best = np.where(np.isnan(loss), np.inf, loss).argmin(axis=0)
    row = np.arange(rows)
    return Solution(
        latent=solution.latent.reshape(count, rows, size)[best, row],
        loss=loss[best, row],
        history=solution.history.reshape(-1, count, rows)[:, best, row],
        steps=solution.steps.reshape(count, rows)[best, row],
        evaluations=solution.evaluations.reshape(count, rows).sum(axis=0),
    )


def _lengthened(history: Array, length: int) -> Array:
    return np.pad(history, ((0, length - len(history)), (0, 0)), mode="edge")


def _shifted(progress: Progress | None, index: int, parts: int) -> Progress | None:
    if progress is None:
        return None
    return lambda step, steps: progress(index * steps + step, parts * steps)
