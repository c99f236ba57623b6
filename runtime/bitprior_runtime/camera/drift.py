"""Slow drift of readings: a polynomial in time, or a running median."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DRIFTS = ("none", "polynomial", "median")


def drift_of(values: Floats, good: NDArray[np.bool_], kind: str, order: int, window: int) -> Floats:
    """Return the drift of readings, its median being 0, [N].

    Args:
        values: Readings in the order of time, [N].
        good: Which of them count, [N].
        kind: ``polynomial`` or ``median``.
        order: Of the polynomial.
        window: Readings in the running median, odd.
    """
    if good.sum() <= order + 1:
        return np.zeros(len(values))
    if kind == "polynomial":
        found = polynomial_drift(values, good, order)
    else:
        found = running_median(values, good, window)
    return found - float(np.median(found[good]))


def running_median(values: Floats, good: NDArray[np.bool_], window: int) -> Floats:
    """Return the median of the good readings around each, [N]; at the ends, of what is there.

    Args:
        values: [N].
        good: Which count, [N], at least one.
        window: How many readings, odd; readings that do not count take no room in it.
    """
    place = np.flatnonzero(good)
    kept, half = values[place], min(window // 2, len(place) - 1)
    padded = np.concatenate([np.full(half, np.nan), kept, np.full(half, np.nan)])
    found = np.empty(len(kept))
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
    for first in range(0, len(kept), 1024):  # all windows at once would take their product
        piece = windows[first : first + 1024]
        found[first : first + 1024] = np.nanmedian(piece, axis=1)
    return np.interp(np.arange(len(values)), place, found)


def polynomial_drift(values: Floats, good: NDArray[np.bool_], order: int) -> Floats:
    """Return a polynomial fit to the good readings, [N].

    Three passes of least squares, readings beyond 4 deviations (by the MAD) left out after each.
    """
    time = np.linspace(-1, 1, len(values))
    columns = np.polynomial.legendre.legvander(time, order)
    use = good.copy()
    fit = np.zeros(len(values))
    for _ in range(3):
        solution = np.linalg.lstsq(columns[use], values[use], rcond=None)[0]
        fit = columns @ solution
        rest = np.abs(values - fit)
        limit = 4 * 1.4826 * float(np.median(rest[use]))
        kept = good & (rest <= limit)
        if limit == 0 or kept.sum() <= order + 1:
            break
        use = kept
    return np.asarray(fit, np.float64)
