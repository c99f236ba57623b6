"""Outliers: trimmed by the median absolute deviation, or weighted as Huber does."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.camera.drift import running_median

Floats = NDArray[np.float64]

OUTLIERS = ("none", "huber", "trimmed")
# The median absolute deviation of a Gaussian is its standard deviation over this.
MAD_TO_SIGMA = 1.4826


def mad_sigma(values: NDArray[Any]) -> float:
    """Return the standard deviation that the median absolute deviation stands for."""
    return MAD_TO_SIGMA * float(np.median(np.abs(values - np.median(values))))


def beyond(values: Floats, good: NDArray[np.bool_], window: int, limit: float) -> NDArray[np.bool_]:
    """Return which good readings lie further than the limit from their running median, [N].

    Args:
        values: Readings in the order of time, [N].
        good: Which count, [N].
        window: Readings in the running median, odd.
        limit: In standard deviations by the MAD of all readings about it.
    """
    if not good.any():
        return np.zeros(len(values), bool)
    rest = values - running_median(values, good, window)
    sigma = mad_sigma(rest[good])
    with np.errstate(invalid="ignore"):
        far: NDArray[np.bool_] = good & (np.abs(rest) > limit * sigma) & (sigma > 0)
    return far


def huber_weights(standardised: NDArray[Any], limit: float) -> Floats:
    """Return Huber's weights min(1, limit / |r|) of residuals in standard deviations."""
    sizes = np.abs(np.asarray(standardised, np.float64))
    weights: Floats = limit / np.maximum(sizes, limit)
    return weights
