"""Doubts about a recovery: results that explain their measurements badly, in words."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.recovery import Recovery

# A residual of this share of ||y - mean y||^2 explains next to nothing.
_LARGE = 0.5
_ROUNDING = 1e-4


def doubts_of(recovery: Recovery, y: NDArray[Any]) -> Sequence[str]:
    """Return what makes one doubt that a recovery explains its measurements; empty: nothing does.

    Args:
        recovery: Of these measurements.
        y: Measurements, [B,m].
    """
    found = []
    y = np.asarray(y, np.float64)
    power = np.square(y - y.mean(axis=1, keepdims=True)).sum(axis=1)
    first, last = recovery.history[0], recovery.loss
    rows = np.flatnonzero(last > first * (1 + _ROUNDING))
    if rows.size:
        k = int(rows[0])
        found.append(
            f"the loss of {_images(rows.size, len(y))} rose from {first[k]:.4g} to {last[k]:.4g}: "
            f"check the units and the offset of the measurements"
        )
    rows = np.flatnonzero(last > _LARGE * power)
    rows = rows[power[rows] > 0]
    if rows.size:
        k = int(rows[0])
        found.append(
            f"{_images(rows.size, len(y))} explains little: residual {last[k]:.4g} of "
            f"||y - mean y||^2 = {power[k]:.4g}; check units (counts?), offset and order, or "
            f"whether these measurements are of another operator"
        )
    return found


def _images(count: int, of: int) -> str:
    return "the image" if of == 1 else f"{count} of {of} images"
