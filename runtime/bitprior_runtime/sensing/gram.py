"""A C A^T and A A^T of patterns that have no fast transform, written out once."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.sensing.blocks import Rectangles
from bitprior_runtime.sensing.composed import Rows, Weighted
from bitprior_runtime.sensing.covariance import OnFrame
from bitprior_runtime.sensing.operator import FloatArray, Operator
from bitprior_runtime.sensing.patterns import Patterns

# Rows and columns of a tile.
_TILE = 128
# Both matrices together, bytes.
_MOST = 5 * 2**24


class Symmetric:
    """A symmetric matrix T + a b^T + b a^T + t a a^T, float32; of T the lower tiles are kept.

    Memory: 2 m^2 bytes and half a tile for each row.

    Args:
        a: [m].
        b: [m].
        t: A number.
    """

    def __init__(self, a: FloatArray, b: FloatArray, t: float) -> None:
        self._a, self._b, self._t = a, b, np.float32(t)
        self._tiles: list[tuple[slice, slice, FloatArray]] = []

    def put(self, down: slice, across: slice, tile: FloatArray) -> None:
        """Add a tile of T, on the diagonal or below it."""
        self._tiles.append((down, across, tile))

    def __call__(self, rows: FloatArray) -> FloatArray:
        """Return rows [N,m] times the matrix."""
        by_a, by_b = rows @ self._a, rows @ self._b
        found: FloatArray = np.outer(by_b + self._t * by_a, self._a) + np.outer(by_a, self._b)
        for down, across, tile in self._tiles:
            found[:, down] += rows[:, across] @ tile.T
            if down != across:
                found[:, across] += rows[:, down] @ tile
        return found


def has_written_rows(operator: Operator) -> bool:
    """Return whether an operator's rows are there as numbers, and no transform is faster."""
    while isinstance(operator, Rows | Weighted):
        operator = operator.operator
    return isinstance(operator, Patterns | Rectangles)


def fit(operator: Operator) -> bool:
    """Return whether the two matrices of an operator take 80 MB at most."""
    return 4 * operator.size**2 <= _MOST


def rows_between(operator: Operator, first: int, last: int) -> FloatArray:
    """Return rows of A, [last - first, H * W], without going through the others if it can be."""
    if isinstance(operator, Patterns):
        return operator.written(first, last)
    if isinstance(operator, Rectangles) and operator.blocks == 1:
        return operator.matrix[first:last]
    if isinstance(operator, Weighted):
        weights = operator.weights[first:last, np.newaxis]
        return weights * rows_between(operator.operator, first, last)
    if isinstance(operator, Rows) and operator.inner is not None:
        return rows_between(operator.inner, first, last)
    units = np.eye(last - first, operator.size, first, dtype=np.float32)
    return operator.adjoint(units).reshape(last - first, -1)


def grams(operator: Operator, covariance: OnFrame) -> tuple[Symmetric, Symmetric]:
    """Return A C A^T and A A^T, 2 m^2 n operations each for all pairs of rows, half of it done.

    The mean of each row is kept apart, A = A' + a 1^T: patterns of 0 and 1 are nearly all mean,
    and products of them would drown in their rounding what the patterns differ by. Memory: the
    result and five groups of 128 rows.

    Args:
        operator: A.
        covariance: C.
    """
    m, frame = operator.size, operator.frame
    pixels = frame[0] * frame[1]
    ones = np.ones((1, 1, *frame), np.float32)
    means = operator.forward(ones)[0] / np.float32(pixels)
    shared = covariance.times(ones[0])
    beside = operator.forward(shared[np.newaxis])[0]
    total = float(shared.sum(dtype=np.float64))
    nothing = np.zeros(m, np.float32)
    # b = A' C 1 = A C 1 - a (1^T C 1).
    coloured = Symmetric(means, beside - means * np.float32(total), total)
    white = Symmetric(means, nothing, float(pixels))
    for down in _parts(m):
        left = _centred(operator, means, down)
        images = left.reshape(-1, *frame)
        smooth = covariance.times(images).reshape(len(left), -1)
        for across in _parts(down.stop):
            right = left if across == down else _centred(operator, means, across)
            coloured.put(down, across, smooth @ right.T)
            white.put(down, across, left @ right.T)
    return coloured, white


def _centred(operator: Operator, means: FloatArray, part: slice) -> FloatArray:
    rows: NDArray[np.float32] = rows_between(operator, part.start, part.stop)
    return rows - means[part, np.newaxis]


def _parts(m: int) -> Iterator[slice]:
    for first in range(0, m, _TILE):
        yield slice(first, min(first + _TILE, m))
