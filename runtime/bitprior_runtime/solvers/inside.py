"""The proximal loop inside an engine that has one: nothing of Python runs between two steps."""

from collections.abc import Iterator

import numpy as np

from bitprior_runtime.engines.base import Loop, ProximalEngine
from bitprior_runtime.solvers.solution import Array, Progress, Solution

# Rows that the engine gets at a time when someone wants to know how far it is.
_ROWS = 32


def proximal_inside(
    engine: ProximalEngine, y: Array, z0: Array, loop: Loop, progress: Progress | None
) -> Solution:
    """Do what the proximal solver does with a fixed step, in one call to the engine.

    Rows are independent, so with ``progress`` the batch goes to the engine in parts; the share of
    rows that are done is told as a share of the steps.

    Args:
        engine: The arithmetic and its loop.
        y: Measurements [B,m], already checked.
        z0: Start latents [B,k], already checked.
        loop: T, beta, and what follows a step.
        progress: Called with (step, steps).
    """
    rows = len(z0)
    parts = []
    for part in _parts(rows, rows if progress is None else _ROWS):
        parts.append(engine.proximal(z0[part], y[part], loop))
        if progress is not None:
            progress(loop.steps * part.stop // rows, loop.steps)
    latent = np.concatenate([z for z, _, _ in parts])
    history = np.concatenate([f for _, f, _ in parts], axis=1)
    taken = np.concatenate([t for _, _, t in parts])
    # One evaluation a step, one for the last latent; with momentum also one where a row stops: f
    # was evaluated elsewhere.
    extra = (taken < loop.steps) & loop.momentum
    longest = int(taken.max())
    return Solution(latent, history[-1], history[: longest + 1], taken, taken + 1 + extra)


def _parts(rows: int, most: int) -> Iterator[slice]:
    for start in range(0, rows, most):
        yield slice(start, min(rows, start + most))
