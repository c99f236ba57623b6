"""Conjugate gradients for the measurements of photos, with a coarse space for what is smooth."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.sensing.linear_estimate import FLOOR
from bitprior_runtime.sensing.operator import FloatArray

Applied: TypeAlias = Callable[[FloatArray], NDArray[Any]]

# A solution is taken when its residual is this share of what the coarse space left.
TOLERANCE = 5e-3
ITERATIONS = 100
# Singular values of the coarse space that count, relative to the largest.
_RANK = 1e-6


class ConjugateGradients:
    """Solves (S + s I) q = r by conjugate gradients, every row of r by itself.

    The preconditioner is the diagonal beside a coarse space, in which the system is solved
    directly: balancing (Mandel, Comm. Numer. Meth. Eng. 9, 1993). The coarse space is what a few
    smooth images measure: S has by far its largest eigenvalues there.

    Args:
        times: Multiplies rows [N,m] by S.
        diagonal: That of S, about, [m].
        noise: s is its square and 1e-7 of the diagonal's mean.
        coarse: Measurements of the smooth images, [k,m].
    """

    def __init__(
        self, times: Applied, diagonal: NDArray[np.float64], noise: float, coarse: FloatArray
    ) -> None:
        self._times = times
        added = noise * noise + FLOOR * float(diagonal.mean())
        self._added = np.float32(added)
        floor = np.maximum(diagonal + added, 1e-3 * float(diagonal.mean()) * FLOOR)
        self._weight = (1 / floor if added > 0 else np.zeros(len(diagonal))).astype(np.float32)
        self._coarse = self._independent(coarse)
        self._image = self._product(self._coarse)
        inner = self._coarse.astype(np.float64) @ self._image.T.astype(np.float64)
        inner = (inner + inner.T) / 2
        self._inner: NDArray[Any] = np.linalg.pinv(inner, rcond=_RANK, hermitian=True)

    def __call__(self, rows: FloatArray) -> FloatArray:
        """Return q of rows r, [N,m]."""
        solved = self._solved(rows)
        found, left = solved @ self._coarse, rows - solved @ self._image
        enough = TOLERANCE**2 * _dot(left, left)
        tilted = self._tilted(left)
        ahead, level = tilted, _dot(left, tilted)
        for _ in range(ITERATIONS):
            if (_dot(left, left) <= enough).all():
                break
            product = self._product(ahead)
            curve = _dot(ahead, product)
            # A row that is solved goes nowhere.
            pace = np.divide(level, curve, out=np.zeros_like(level), where=curve > 0)
            pace *= _dot(left, left) > enough
            step = pace[:, np.newaxis].astype(np.float32)
            found += step * ahead
            left -= step * product
            tilted = self._tilted(left)
            before, level = level, _dot(left, tilted)
            turn = np.divide(level, before, out=np.zeros_like(level), where=before > 0)
            ahead = tilted + turn[:, np.newaxis].astype(np.float32) * ahead
        return found

    def _product(self, rows: FloatArray) -> FloatArray:
        found: FloatArray = (self._times(rows) + self._added * rows).astype(np.float32)
        return found

    def _solved(self, rows: FloatArray) -> FloatArray:
        """Return the weights of the coarse space that solve for what rows are in it."""
        found: FloatArray = ((rows @ self._coarse.T) @ self._inner).astype(np.float32)
        return found

    def _tilted(self, rows: FloatArray) -> FloatArray:
        """Return rows times the preconditioner: direct in the coarse space, diagonal beside it."""
        solved = self._solved(rows)
        beside: FloatArray = (rows - solved @ self._image) * self._weight
        back = ((beside @ self._image.T) @ self._inner).astype(np.float32)
        tilted: FloatArray = (beside + (solved - back) @ self._coarse).astype(np.float32)
        return tilted

    def _independent(self, coarse: FloatArray) -> FloatArray:
        """Return orthonormal rows that span what the coarse ones span."""
        _, values, rows = np.linalg.svd(coarse.astype(np.float64), full_matrices=False)
        found: FloatArray = rows[values > _RANK * values[0]].astype(np.float32)
        return found


def _dot(a: FloatArray, b: FloatArray) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.einsum("bm,bm->b", a, b, dtype=np.float64)
    return found
