"""Block floating point: cotangents as int32 mantissas with one exponent a row."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.integer.plan import COTANGENT_BITS, Merge
from bitprior_runtime.integer.requantise import rounding_shift

Int64s = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Cotangent:
    """mantissa * 2^exponent times a real constant that the plan knows.

    Attributes:
        mantissa: int64 [B, elements], below 2^31 in magnitude between nodes.
        exponent: int64 [B].
    """

    mantissa: Int64s
    exponent: Int64s


def cotangent_of(real: NDArray[Any]) -> Cotangent:
    """Return float cotangents [B, elements] as mantissas of COTANGENT_BITS; NaN, Inf become 0."""
    finite = np.where(np.isfinite(real), real, 0).astype(np.float64)
    largest = np.abs(finite).max(axis=1)
    exponent = np.where(largest == 0, 0, np.frexp(largest)[1] - COTANGENT_BITS).astype(np.int64)
    mantissa = np.rint(np.ldexp(finite, -exponent[:, np.newaxis]))
    return Cotangent(mantissa.astype(np.int64), exponent)


def normalise(value: Cotangent, limit: int) -> Cotangent:
    """Shift each row right, rounding half up, by the fewest bits that bring it to ``limit``.

    Args:
        value: Mantissas below 2^62 in magnitude.
        limit: Largest magnitude wanted.
    """
    largest = _largest(value)
    shift = np.maximum(_bit_length(largest) - limit.bit_length(), 0)
    # Rounding, or a limit that is no power of two less one, may take one bit more.
    shift += _shift(largest, shift) > limit
    return Cotangent(_shift(value.mantissa, shift[:, np.newaxis]), value.exponent + shift)


def merged(first: Cotangent, further: Cotangent, rule: Merge) -> Cotangent:
    """Add a further cotangent of a tensor to the one it has.

    Both get the least exponent at which each fits COTANGENT_BITS: the smaller one is rounded.
    """
    scaled = Cotangent(further.mantissa * rule.multiplier, further.exponent + rule.exponent)
    tops = [_top(first), _top(scaled)]
    exponent = np.maximum(*tops) - COTANGENT_BITS
    total = sum(
        _shift(value.mantissa, np.where(top == _NOTHING, 0, exponent - value.exponent)[:, None])
        for value, top in zip((first, scaled), tops, strict=True)
    )
    return Cotangent(np.asarray(total), np.where(exponent < _NOTHING // 2, 0, exponent))


_NOTHING = -(2**40)


def _top(value: Cotangent) -> Int64s:
    """Return the exponent just above the largest magnitude; _NOTHING for a row of zeros."""
    largest = _largest(value)
    return np.where(largest == 0, _NOTHING, value.exponent + _bit_length(largest))


def _largest(value: Cotangent) -> Int64s:
    largest: Int64s = np.abs(value.mantissa).max(axis=1)
    return largest


def _bit_length(value: Int64s) -> Int64s:
    # float64 would round values above 2^53 up to the next power of two: look at both halves.
    high, low = value >> 31, value & 0x7FFFFFFF
    lengths: Int64s = np.where(high > 0, np.frexp(high)[1] + 31, np.frexp(low)[1]).astype(np.int64)
    return lengths


def _shift(value: Int64s, shift: Any) -> Int64s:
    """Return value * 2^-shift, rounded half up; exact to the left."""
    right = np.clip(shift, 1, 62)
    return np.where(
        shift > 0,
        rounding_shift(value, right),
        np.left_shift(value, np.minimum(np.maximum(-shift, 0), 62)),
    )
