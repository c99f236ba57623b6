"""Fixed-point multiplication: the only way an integer changes its step.

r is replaced by multiplier * 2^-shift with a multiplier of 31 bits; the product is rounded half up.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import ProgramError
from bitprior_runtime.integer.plan import UNIT, Merge, Requantiser

MULTIPLIER_BITS = 31
MAX_SHIFT = 62

Int64s = NDArray[np.int64]


def encode(factors: NDArray[np.float64], node: str) -> Requantiser:
    """Return the fixed-point form of real factors, one a channel.

    A factor below 2^-32 in magnitude becomes 0: any sum below 2^31 times it rounds to 0.

    Raises:
        ProgramError: A factor of 2^30 or more.
    """
    fraction, exponent = np.frexp(factors)
    multiplier = np.rint(np.ldexp(fraction, MULTIPLIER_BITS)).astype(np.int64)
    full = np.abs(multiplier) == 1 << MULTIPLIER_BITS
    multiplier = np.where(full, multiplier // 2, multiplier)
    shift = MULTIPLIER_BITS - exponent.astype(np.int64) - full
    nothing = (multiplier == 0) | (shift > MAX_SHIFT)
    if (shift[~nothing] < 1).any():
        largest = np.abs(factors).max()
        raise out_of_range(node, f"a factor of {largest:g}, with fixed point below 2^30")
    return Requantiser(
        np.where(nothing, 0, multiplier).astype(np.int32),
        np.where(nothing, 1, shift).astype(np.int32),
    )


def common_shift(largest_factor: float, largest_offset: float, node: str) -> int:
    """Return the largest shift with factors * 2^shift <= 2^30 and offsets * 2^shift <= 2^60.

    Raises:
        ProgramError: There is none from 1 on.
    """
    shift = MAX_SHIFT
    if largest_factor:
        shift = min(shift, 30 - math.frexp(largest_factor)[1])
    if largest_offset:
        shift = min(shift, 60 - math.frexp(largest_offset)[1])
    if shift < 1:
        raise out_of_range(node, f"factors up to {largest_factor:g} and offsets {largest_offset:g}")
    return shift


def slopes(
    positive: NDArray[np.float64], negative: NDArray[np.float64]
) -> tuple[NDArray[np.int32], NDArray[np.int32], float]:
    """Return integers of magnitude at most UNIT, and the real value of 1.

    Slopes that are all 0 or of one magnitude become -1, 0 and 1: then nothing is rounded.
    """
    largest = float(max(np.abs(positive).max(), np.abs(negative).max()))
    if largest == 0:
        return positive.astype(np.int32), negative.astype(np.int32), 1.0
    pair = (positive / largest, negative / largest)
    whole = all(np.isin(half, (-1.0, 0.0, 1.0)).all() for half in pair)
    unit = 1 if whole else UNIT
    first, second = (np.rint(half * unit).astype(np.int32) for half in pair)
    return first, second, largest / unit


def merge(first: float, further: float) -> Merge:
    """Return how cotangents of the constant ``further`` join those of the constant ``first``.

    Raises:
        ProgramError: A long chain of gains has left float64.
    """
    ratio = further / first if first else math.inf
    if not (math.isfinite(ratio) and ratio):
        raise out_of_range("of several readers", f"cotangents of {first:g} and {further:g}")
    fraction, exponent = math.frexp(ratio)
    multiplier = round(math.ldexp(fraction, 15))
    if multiplier == 1 << 15:
        multiplier, exponent = multiplier // 2, exponent + 1
    return Merge(multiplier, exponent - 15)


def rounding_shift(value: Int64s, shift: Any) -> Int64s:
    """Return value * 2^-shift rounded half up; shift in 1..62, scalar or array."""
    half = np.left_shift(np.int64(1), np.asarray(shift, np.int64) - 1)
    shifted: Int64s = np.right_shift(value + half, shift)
    return shifted


def out_of_range(node: str, found: str) -> ProgramError:
    """Make the error of a node whose numbers do not fit its integers."""
    return ProgramError(
        f"a node {node!r} that fits 32-bit integers",
        found,
        "use the float engine, or train with weights and activations of ordinary size",
    )
