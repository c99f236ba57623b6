"""Operators in integers: the same bits on every machine, whatever order sums are taken in.

Rows, pixels and measurements become whole numbers times powers of two. Products of such numbers are
float64 matrix products whose sums all stay below 2^53: there every sum is exact. Everything else
is single IEEE 754 operations, element by element. ``docs/integer.md`` has it in one section.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing.blocks import Rectangles
from bitprior_runtime.sensing.operator import FloatArray, check_images

Floats = NDArray[np.float64]

EXACT_BITS = 53
ROW_BITS = 15  # of a matrix's entries, besides the sign
PIXEL_BITS = 21  # of pixels, at most
GAIN_BITS = 18  # of a gain's entries
READING_BITS = 24  # of measurements, at most
# Pixels are clipped to this, far outside of [0, 1]; powers of two.
_PIXEL_RANGE = 3


def exponent_above(value: float) -> int:
    """Return the least e with |value| <= 2^e; 0 of 0."""
    if value == 0:
        return 0
    fraction, e = math.frexp(abs(value))
    return e - 1 if fraction == 0.5 else e


def coded(values: NDArray[Any], bits: int) -> tuple[Floats, int]:
    """Return whole numbers of at most 2^bits and the e with values ~ codes * 2^e."""
    e = exponent_above(float(np.abs(values).max(initial=0))) - bits
    return np.rint(np.ldexp(values.astype(np.float64), -e)), e


def bits_of(count: int) -> int:
    """Return the bits that a sum of so many terms adds."""
    return (count - 1).bit_length()


class ExactRectangles(Rectangles):
    """The exact twin of Blocks or Matrix.

    Rows are rounded to 15 bits and sign of their largest entry, each row with a power of two of
    its own: rows of +-1, of 0 and 1, or of any whole numbers below 2^15 times a power of two are
    kept as they are. Rows are brought near length 1 by powers of two before they are used, and y
    with them, so that all measurements have one step.

    Args:
        operator: What it stands for.

    Attributes:
        matrix: The rounded rows, float32: what is really applied, but for rounded pixels.
        codes: Whole numbers of at most 2^15, float64 [m, n].
        level: Exponents of the rows, [m]: row i is codes[i] * 2^level[i].
        unit: Exponents u, [m]: row i has a length between 2^(u - 1) and 2^(u + 1).

    Raises:
        UsageError: A frame of so many pixels a block that sums would not be exact.
    """

    def __init__(self, operator: Rectangles) -> None:
        self.frame, self.block, self.grid = operator.frame, operator.block, operator.grid
        m, n = operator.matrix.shape
        self._pixel_bits = min(PIXEL_BITS, EXACT_BITS - ROW_BITS - bits_of(n))
        self._reading_bits = min(READING_BITS, EXACT_BITS - GAIN_BITS - bits_of(m))
        if self._pixel_bits < 14 or self._reading_bits < 14:
            found = f"{m} rows of {n} pixels"
            raise UsageError("blocks that have an exact form", found, "use the float engine")
        pairs = [coded(row, ROW_BITS) for row in operator.matrix]
        self.codes: Floats = np.stack([codes for codes, _ in pairs])
        self.level = np.array([e for _, e in pairs])
        # Squares of codes are below 2^30, their sum below 2^50: exact.
        squares = (self.codes * self.codes).sum(axis=1)
        lengths = [exponent_above(s) for s in squares.tolist()]
        self.unit = np.array([-(-length // 2) for length in lengths]) + self.level
        self.matrix = np.ldexp(self.codes, self.level[:, np.newaxis]).astype(np.float32)
        # |r| / 2^unit of any image in range.
        most = np.ldexp(np.abs(self.codes).sum(axis=1), self.level - self.unit).max()
        self._reading = exponent_above(float(most)) + _PIXEL_RANGE - self._reading_bits

    @property
    def normal(self) -> tuple[Floats, NDArray[np.int_]]:
        """Rows near length 1: codes and their exponents, [m,n] and [m]."""
        return self.codes, self.level - self.unit

    def exact(self) -> "ExactRectangles":
        """Return itself."""
        return self

    def forward(self, x: NDArray[Any]) -> FloatArray:
        """Return A x, float32 [B, C * m]; pixels are rounded and clipped to [-8, 8] first."""
        images = check_images(x, self.frame)
        step = _PIXEL_RANGE - self._pixel_bits
        pixels = self.split(self._rounded(images, step, self._pixel_bits))
        sums = pixels @ self.codes.T
        y: FloatArray = np.ldexp(sums, self.level + step).astype(np.float32)
        return y.reshape(len(images), -1)

    def adjoint(self, r: NDArray[Any]) -> FloatArray:
        """Return A^T r, float32 [B,C,H,W]; r is rounded first."""
        # The adjoint is the gain A^T with one exponent for all rows.
        normal = np.ldexp(self.codes, (self.level + self.unit)[:, np.newaxis])
        gain, e = coded(normal, GAIN_BITS)
        return self.join(self.product(self.readings(r), gain, e))

    def readings(self, r: NDArray[Any]) -> Floats:
        """Return r / 2^unit as whole numbers, [B, C, blocks, measurements of a block]."""
        scaled = np.ldexp(self.by_block(r).astype(np.float64), -self.unit)
        return self._rounded(scaled, self._reading, self._reading_bits)

    def product(self, readings: Floats, gain: Floats, e: int) -> FloatArray:
        """Return readings times the transposed of a gain, float32.

        Args:
            readings: As :meth:`readings` returns them, [..., m].
            gain: Whole numbers of at most 2^18, [m, n]: the gain of r / 2^unit, transposed.
            e: Exponent of the gain.
        """
        found: FloatArray = np.ldexp(readings @ gain, e + self._reading).astype(np.float32)
        return found

    @staticmethod
    def _rounded(values: NDArray[Any], step: int, bits: int) -> Floats:
        codes: Floats = np.rint(np.ldexp(values.astype(np.float64), -step))
        return codes.clip(-(2.0**bits), 2.0**bits)
