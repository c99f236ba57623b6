"""Readings that the others contradict, under the prior of photos."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.camera.detector import Corrected
from bitprior_runtime.camera.evidence import kernel_of
from bitprior_runtime.camera.robust import mad_sigma
from bitprior_runtime.sensing.covariance import Covariance
from bitprior_runtime.sensing.operator import Operator

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

LIMIT = 6.0
# What the prior alone must find unlikely, too: a scene may have more of one low pattern than photos
# have on average, and such a reading must not be lost.
MARGINAL = 5.0
_START = 3.0
_BATCH = 512
_LOOKED_AT = 1536


@dataclass(frozen=True)
class Outlying:
    """Readings that do not fit.

    Attributes:
        patterns: Patterns whose readings the others contradict.
        z: By how many standard deviations.
        start: Patterns of the start that was read before the sequence had begun, see
            :func:`late_start`.
    """

    patterns: tuple[int, ...]
    z: tuple[float, ...]
    start: tuple[int, ...]


def outlying_readings(
    operator: Operator,
    corrected: Corrected,
    covariance: Covariance,
    offset: bool,
    unread: int = 0,
    seed: int = 0,
) -> Outlying:
    """Return readings further than 6 deviations from what the others predict.

    And further than 5 from what the prior expects of any photo. Patterns are taken in batches of
    512, at random; of more than 1,536 readings only those that stand out most from those near them.

    Args:
        operator: A.
        corrected: Readings.
        covariance: C.
        offset: Whether they have an unknown offset.
        unread: How many readings at the end were never taken: frames were late by as many.
        seed: Of the batches.
    """
    first = _first_row_end(operator.size, unread)
    z, marginal = _deviations(operator, corrected, covariance, offset, seed, first)
    far = (np.abs(z) > LIMIT) & (np.abs(marginal) > MARGINAL)
    start = late_start(corrected.used, z, operator.size, unread)
    places = np.flatnonzero(far & ~np.isin(corrected.used, start))
    places = places[np.argsort(-np.abs(z[places]), kind="stable")]
    patterns = tuple(int(k) for k in corrected.used[places])
    return Outlying(patterns, tuple(round(float(v), 1) for v in z[places]), start)


def late_start(used: Indices, z: Floats, patterns: int, unread: int) -> tuple[int, ...]:
    """Return the patterns whose readings were taken before the sequence had begun.

    If the last ``unread`` readings were never taken, frames came late by as many and were booked
    earlier by as many. Those of the start then lie before the first pattern, which in a square
    table [rows, columns] that is counted from the end of a row is the end of the first row. If one
    of these deviates by more than 3 standard deviations, they are it.

    Args:
        used: Patterns that have a reading, [k].
        z: How far each is from what the others predict, [k].
        patterns: m.
        unread: As said.
    """
    places = np.flatnonzero(np.isin(used, _first_row_end(patterns, unread)))
    if not places.size or np.abs(z[places]).max() < _START:
        return ()
    return tuple(int(k) for k in used[places])


def _first_row_end(patterns: int, unread: int) -> Indices:
    """Return the last patterns of the first row of a square table; none of another table."""
    side = math.isqrt(patterns)
    if side * side != patterns or unread > side // 4:
        return np.arange(0)
    return np.arange(side - unread, side)


def _deviations(
    operator: Operator,
    corrected: Corrected,
    covariance: Covariance,
    offset: bool,
    seed: int,
    always: Indices,
) -> tuple[Floats, Floats]:
    """Return how far each reading is from prediction, and from the prior, [k]; 0: not looked at."""
    count = len(corrected.y)
    order = np.random.default_rng(seed).permutation(count)
    if count > _LOOKED_AT:
        standing = _standing_out(corrected.y)
        standing[np.isin(corrected.used, always)] = np.inf
        order = order[np.isin(order, np.argsort(-standing, kind="stable")[:_LOOKED_AT])]
    z, marginal = np.zeros(count), np.zeros(count)
    for batch in np.array_split(order, max(1, -(-len(order) // _BATCH))):
        if len(batch) < 8:
            continue
        kernel = kernel_of(operator, corrected.used[batch], covariance)
        found = kernel.explained(corrected.y[batch], offset)
        z[batch], marginal[batch] = found.z, found.marginal
    return z, marginal


def _standing_out(y: Floats) -> Floats:
    """Return how far readings are from the median, over how far those near them are, [k]."""
    size = np.abs(y - np.median(y))
    padded = np.pad(size, 32, mode="reflect")
    near = np.median(np.lib.stride_tricks.sliding_window_view(padded, 65), axis=1)
    standing: Floats = size / np.maximum(near, 1e-6 * max(mad_sigma(y), 1e-300))
    return standing
