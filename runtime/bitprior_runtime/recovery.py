"""From measurements to images: restarts, batches, and the choice of the best restart."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.engines.base import Engine
from bitprior_runtime.solvers import Progress, Solution, initial_latents
from bitprior_runtime.solvers.latents import InitialLatent

FloatArray: TypeAlias = NDArray[np.float32]
Solve: TypeAlias = Callable[[FloatArray, FloatArray, Progress | None], Solution]

# Rows that go through the networks together: enough to keep BLAS busy, few enough for a board.
MAX_ROWS = 256


@dataclass(frozen=True, eq=False)
class Recovery:
    """What a recovery found.

    Attributes:
        image: G(latent), float32 [B,C,H,W] in [0,1].
        latent: float32 [B,k].
        loss: f(latent) = ||y - A(G(latent))||^2, [B].
        history: f before each step and at the end, of the restart that won, [steps + 1, B].
        engine: Name of the engine that ran.
        kernel: Name of the kernel that ran.
        solver: Name of the solver.
        seconds: Wall time of the whole call.
    """

    image: FloatArray
    latent: FloatArray
    loss: FloatArray
    history: FloatArray
    engine: str
    kernel: str
    solver: str
    seconds: float


@dataclass(frozen=True)
class Restarts:
    """Where the latents start.

    Attributes:
        count: Restarts per measurement; the lowest measurement loss wins, never the truth.
        seed: Seed of the start latents.
        kind: Distribution of the start latents.
    """

    count: int
    seed: int
    kind: InitialLatent


def recover(
    engine: Engine,
    solver: str,
    solve: Solve,
    y: FloatArray,
    latent_size: int,
    restarts: Restarts,
    progress: Progress | None = None,
) -> Recovery:
    """Recover images from measurements y [B,m]; see :class:`Recovery`.

    Args:
        engine: The arithmetic.
        solver: The solver's name, for the record.
        solve: Runs the solver on (measurements [R,m], start latents [R,k], progress).
        y: Measurements [B,m], already checked.
        latent_size: k.
        restarts: How many starts, and from where.
        progress: Called with (step, steps) over all batches.
    """
    begin = time.perf_counter()
    z0 = initial_latents(len(y), latent_size, restarts.seed, restarts.count, restarts.kind)
    rows = max(1, MAX_ROWS // restarts.count)
    starts = range(0, len(y), rows)
    parts = [
        _best_of(
            solve,
            y[start : start + rows],
            z0[:, start : start + rows],
            _shifted(progress, index, len(starts)),
        )
        for index, start in enumerate(starts)
    ]
    latent = np.concatenate([part.latent for part in parts])
    image = np.concatenate(
        [engine.generate(latent[start : start + MAX_ROWS]) for start in range(0, len(y), MAX_ROWS)]
    )
    return Recovery(
        image=image,
        latent=latent,
        loss=np.concatenate([part.loss for part in parts]),
        history=np.concatenate([part.history for part in parts], axis=1),
        engine=engine.name,
        kernel=engine.kernel,
        solver=solver,
        seconds=time.perf_counter() - begin,
    )


def _best_of(solve: Solve, y: FloatArray, z0: FloatArray, progress: Progress | None) -> Solution:
    """Run all restarts as rows of one batch and keep the lowest loss of each measurement."""
    count, rows, size = z0.shape
    solution = solve(np.tile(y, (count, 1)), z0.reshape(count * rows, size), progress)
    loss = solution.loss.reshape(count, rows)
    # A restart that ended in NaN must not win: NaN compares as smallest in argmin.
    best = np.where(np.isnan(loss), np.inf, loss).argmin(axis=0)
    row = np.arange(rows)
    return Solution(
        latent=solution.latent.reshape(count, rows, size)[best, row],
        loss=loss[best, row],
        history=solution.history.reshape(-1, count, rows)[:, best, row],
    )


def _shifted(progress: Progress | None, index: int, parts: int) -> Progress | None:
    if progress is None:
        return None
    return lambda step, steps: progress(index * steps + step, parts * steps)
