"""Quantise float weights after training, with the scale of least squared error per channel."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.tensors import Grid, QuantisedTensor, grid_integers

# Scales tried between a share of the one that just holds the largest weight and that one itself.
_CANDIDATES = 40
_LEAST_SHARE = 0.1
# Of channels that are zero: small enough for codes without a zero, far above underflow.
_NO_SCALE = 1e-12


def quantise_float(weight: NDArray[np.float32], bits: int, axis: int) -> QuantisedTensor:
    """Return the codes nearest to a weight.

    At 1 bit sign(w) and the mean of |w|, which has the least squared error (Rastegari et al.,
    2016). At 2 and 3 bits the grid has no zero: its levels are as many as it has codes, and it
    can be negated. From 4 bits on it is the narrow grid, which can, too, and has a zero.

    Args:
        weight: float32 of any shape, finite.
        bits: 1 to 8.
        axis: The axis of output channels; each gets its own scale.
    """
    rows = np.moveaxis(weight, axis, 0).reshape(weight.shape[axis], -1).astype(np.float64)
    if bits == 1:
        scale = np.maximum(np.abs(rows).mean(axis=1), _NO_SCALE).astype(np.float32)
        return QuantisedTensor((weight >= 0).astype(np.uint8), 1, "binary", scale, axis)
    grid: Grid = "mid-rise" if bits <= 3 else "narrow"
    scale = _best_scale(rows, bits, grid)
    codes = _codes(weight.astype(np.float64), _along(scale, axis, weight.ndim), bits, grid)
    return QuantisedTensor(codes, bits, grid, scale, axis)


def _best_scale(rows: NDArray[Any], bits: int, grid: Grid) -> NDArray[np.float32]:
    """Return the best scale of each row of [channels, weights]."""
    multiplier, offset = grid_integers(grid, bits)
    highest = multiplier * (2**bits - 1) - offset
    whole = np.maximum(np.abs(rows).max(axis=1) / highest, _NO_SCALE)
    best, least = whole.astype(np.float32), np.full(len(rows), np.inf)
    for share in np.linspace(_LEAST_SHARE, 1.0, _CANDIDATES):
        scale = (share * whole).astype(np.float32)
        column = scale[:, np.newaxis].astype(np.float64)
        levels = _codes(rows, column, bits, grid).astype(np.float64) * multiplier - offset
        error = ((levels * column - rows) ** 2).sum(axis=1)
        better = error < least
        best, least = np.where(better, scale, best), np.where(better, error, least)
    return best


def _codes(weight: NDArray[Any], scale: NDArray[Any], bits: int, grid: Grid) -> NDArray[np.uint8]:
    multiplier, offset = grid_integers(grid, bits)
    lowest = 1 if grid == "narrow" else 0
    codes = np.rint((weight / scale + offset) / multiplier)
    return np.clip(codes, lowest, 2**bits - 1).astype(np.uint8)


def _along(values: NDArray[Any], axis: int, rank: int) -> NDArray[Any]:
    return values.reshape([-1 if index == axis else 1 for index in range(rank)])
