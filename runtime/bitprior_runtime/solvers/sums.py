"""Sums whose order is written down, so that every machine takes the same turn."""

import numpy as np

from bitprior_runtime.solvers.solution import Array


def inner(a: Array, b: Array) -> Array:
    """Return the inner product of each row, [R] float64, added up from the first entry on.

    numpy's own sums are taken in an order of its choice, and a BLAS's in that of its processor.
    Of float32 every product is exact.

    Args:
        a: [R,k].
        b: [R,k].
    """
    product: Array = np.cumsum(a.astype(np.float64) * b, axis=1)[:, -1]
    return product
