"""The proximal loop inside an engine that has one: nothing of Python runs between two steps."""

from collections.abc import Iterator

import numpy as np

from bitprior_runtime.engines.base import ProximalEngine
from bitprior_runtime.solvers.solution import Array, Progress, Solution

# Rows that the engine gets at a time when someone wants to know how far it is.
_ROWS = 32


def proximal_inside(
    engine: ProximalEngine,
    y: Array,
    z0: Array,
    step_size: float,
    steps: int,
    sparsity: int | None,
    tolerance: float,
    progress: Progress | None,
) -> Solution:
    """Do what the proximal solver does with a fixed step, in one call to the engine.

    Rows are independent, so with ``progress`` the batch goes to the engine in parts; the share of
    rows that are done is told as a share of the steps.

    Args:
        engine: The arithmetic and its loop.
        y: Measurements [B,m], already checked.
        z0: Start latents [B,k], already checked.
        step_size: beta.
        steps: T.
        sparsity: s of P_s, or None.
        tolerance: See ``ProximalOptions``.
        progress: Called with (step, steps).
    """
    rows = len(z0)
    parts = []
    for part in _parts(rows, rows if progress is None else _ROWS):
        parts.append(engine.proximal(z0[part], y[part], step_size, steps, sparsity, tolerance))
        if progress is not None:
            progress(steps * part.stop // rows, steps)
    latent = np.concatenate([z for z, _ in parts])
    history = np.concatenate([f for _, f in parts], axis=1)
    return Solution(latent, history[-1], history)


def _parts(rows: int, most: int) -> Iterator[slice]:
    for start in range(0, rows, most):
        yield slice(start, min(rows, start + most))
