"""The rows of a sensing matrix, checked before anything is measured with them."""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError

# Rows at unit length are dependent if a combination of them of unit length is shorter than the
# root of this, 3e-6: the rounding of rows to float32 is far below it, random rows are far above.
_INDEPENDENT = 1e-11


def check_rows(matrix: NDArray[Any], pixels: int, dependent: bool = False) -> NDArray[np.float32]:
    """Return a sensing matrix as float32 [m, n], its rows independent.

    The test, once for each operator: A A^T of the rows at unit length, less 1e-11 on the
    diagonal, has a Cholesky factor (m^3 / 3 operations). It has one if and only if the smallest
    singular value of these rows is above 3e-6.

    Args:
        matrix: A, [m, n], real.
        pixels: n.
        dependent: Take rows that depend on each other, repeat, are zero, or outnumber the pixels,
            as those of a camera may.

    Raises:
        UsageError: Complex, not numbers, not [m, n], not finite, m > n, a row of zeros, or rows
            that depend on each other.
    """
    matrix = np.asarray(matrix)
    wanted = f"a real matrix [m,{pixels}]"
    if matrix.dtype.kind not in "fiub":
        todo = "measure real and imaginary part as rows of their own"
        if matrix.dtype.kind != "c":
            todo = "give numbers"
        raise UsageError(wanted, f"dtype {matrix.dtype}", todo)
    if matrix.ndim != 2 or matrix.shape[1] != pixels or len(matrix) == 0:
        found = f"shape {matrix.shape}"
        raise UsageError(wanted, found, "give one row a measurement, a column for each pixel")
    with np.errstate(over="ignore"):
        rows = np.ascontiguousarray(matrix, dtype=np.float32)
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        found = f"NaN or Inf (as float32) in {np.count_nonzero(~finite)} of {len(rows)} rows"
        raise UsageError("a finite matrix", found, "check the file of the matrix")
    if dependent:
        return rows
    if len(rows) > pixels:
        found = f"{len(rows)} rows, so dependent ones"
        raise UsageError(f"at most {pixels} rows for {pixels} pixels", found, "leave rows out")
    _check_independent(rows)
    return rows


def _check_independent(rows: NDArray[np.float32]) -> None:
    wide = rows.astype(np.float64)
    # By the largest entry first: squares of tiny rows would vanish.
    largest = np.abs(wide).max(axis=1)
    zero = np.flatnonzero(largest == 0)
    if zero.size:
        found = f"{zero.size} rows of zeros, the first is row {zero[0]}"
        raise UsageError("rows that measure something", found, "leave them out")
    wide /= largest[:, np.newaxis]
    wide /= np.linalg.norm(wide, axis=1, keepdims=True)
    gram = wide @ wide.T
    gram[np.diag_indices_from(gram)] -= _INDEPENDENT
    try:
        np.linalg.cholesky(gram)
    except np.linalg.LinAlgError:
        found = f"{len(rows)} rows of which some are combinations of others"
        raise UsageError("independent rows", found, "leave dependent rows out") from None


def digest(matrix: NDArray[np.float32]) -> str:
    """Return the SHA-256 of a matrix: of its shape as text and its values, float32, row by row."""
    hashed = hashlib.sha256(repr(tuple(map(int, matrix.shape))).encode())
    hashed.update(np.ascontiguousarray(matrix, dtype="<f4").tobytes())
    return hashed.hexdigest()
