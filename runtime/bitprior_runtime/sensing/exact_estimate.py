"""The linear estimate in integers: gains by operations that are the same on every machine."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing.covariance import Covariance
from bitprior_runtime.sensing.exact import (
    EXACT_BITS,
    GAIN_BITS,
    ROW_BITS,
    ExactRectangles,
    bits_of,
    coded,
)
from bitprior_runtime.sensing.linear_estimate import (
    FLOOR,
    LEAST_OPEN,
    check_noise,
    kinds_of,
    seen_of,
)
from bitprior_runtime.sensing.operator import FloatArray, Shape

Floats = NDArray[np.float64]

_FEATURE = 10  # features are whole multiples of 2^-10
_DEVIATION = 14  # bits of deviations where their mean square is taken
LARGEST = 4096  # pixels of a block: its covariance is written out


@dataclass(frozen=True, eq=False)
class _Gain:
    """A gain of measurements near unit length, [m, n], not yet rounded."""

    gain: Floats
    variance: Floats
    noise_share: float


class ExactEstimate:
    """The exact twin of :class:`~bitprior_runtime.sensing.linear_estimate.LinearEstimate`.

    It has the same gains to about six digits. The products C A^T and A C A^T are exact sums of
    whole numbers; their Cholesky factor and the substitutions are written as outer products,
    element by element, without LAPACK: m^2 (m / 3 + 2 n) operations for each kind of block.

    Memory: as the float form, in float64: 16 m n bytes for each kind of block; while they are
    worked out 8 (2 n^2 + 3 m n + m^2).

    Args:
        operator: A in its exact form.
        covariance: Of photos.
        noise: Standard deviation of the noise of a measurement, in the units of y.

    Raises:
        UsageError: Noise that is negative or not finite; blocks of more than 4,096 pixels.
    """

    def __init__(
        self, operator: ExactRectangles, covariance: Covariance, noise: float = 0.0
    ) -> None:
        n = operator.matrix.shape[1]
        if n > LARGEST:
            raise UsageError(
                f"blocks of at most {LARGEST} pixels for the integer engine's learned search",
                f"{n}",
                "use smaller blocks, or the float engine",
            )
        self.operator, self.noise = operator, check_noise(noise)
        shapes, self._kinds = kinds_of(operator)
        c = covariance.between(*operator.block)
        white = np.float64(covariance.table[0, 0])
        gains = [_wiener(operator, c, noise, shape) for shape in shapes]
        self._gains = [gain.gain for gain in gains]
        self._inverses = [_white(operator, float(white), noise, shape) for shape in shapes]
        deviations = [np.sqrt(np.maximum(gain.variance, 0)).astype(np.float32) for gain in gains]
        left = np.stack([deviations[kind] for kind in self._kinds])[np.newaxis, np.newaxis]
        self.deviation: FloatArray = operator.join(left)[0, 0]
        level = _mean_square(self.deviation) / float(white)
        opened = log2_in_steps(max(level, LEAST_OPEN**2)) / 2
        share = max(gain.noise_share for gain in gains)
        steps = 2.0**_FEATURE
        self.features = np.array(
            [1.0, np.rint(opened * steps) / steps, np.rint(share * steps) / steps], np.float32
        )

    def estimate(self, r: NDArray[Any]) -> FloatArray:
        """Return K r, [B,C,H,W], of measurements r [B, C * m]."""
        return self.pulled(r, 0.0, 1.0)

    def inverse(self, r: NDArray[Any]) -> FloatArray:
        """Return P r, [B,C,H,W], of measurements r [B, C * m]."""
        return self.pulled(r, 1.0, 0.0)

    def pulled(self, r: NDArray[Any], inverse: float, estimate: float) -> FloatArray:
        """Return (inverse * P + estimate * K) r, [B,C,H,W]; the sum's gain is rounded, and r."""
        readings = self.operator.readings(r)
        found = np.empty((*readings.shape[:3], self.operator.matrix.shape[1]), np.float32)
        for kind, (p, k) in enumerate(zip(self._inverses, self._gains, strict=True)):
            which = np.flatnonzero(self._kinds == kind)
            gain, e = coded(inverse * p + estimate * k, GAIN_BITS)
            found[:, :, which] = self.operator.product(readings[:, :, which], gain, e)
        return self.operator.join(found)

    def loss(self, r: FloatArray) -> FloatArray:
        """Return the sum of squares of each row, [B]: float64, from the first entry on."""
        return loss_in_order(r)


def loss_in_order(r: NDArray[Any]) -> FloatArray:
    """Return the sum of squares of each row [B,m], in float64 from the first entry on.

    What float32 cannot hold is infinity.
    """
    with np.errstate(over="ignore"):
        sums = np.cumsum(np.square(r, dtype=np.float64), axis=1)[:, -1]
        found: FloatArray = sums.astype(np.float32)
    return found


def log2_in_steps(value: float, bits: int = 16) -> float:
    """Return the base-2 logarithm of a positive number, rounded down to 2^-bits.

    Its digits are those that squaring brings above 2: multiplications alone.
    """
    fraction, e = math.frexp(value)
    fraction, found = 2 * fraction, float(e - 1)
    for bit in range(1, bits + 1):
        fraction *= fraction
        if fraction >= 2:
            fraction /= 2
            found += 2.0**-bit
    return found


def _mean_square(deviation: FloatArray) -> float:
    codes = np.rint(np.ldexp(deviation.astype(np.float64), _DEVIATION))
    # Deviations are below 1: squares below 2^28, of at most 2^25 pixels.
    return float((codes * codes).sum()) / (codes.size * 4.0**_DEVIATION)


def _wiener(operator: ExactRectangles, c: Floats, noise: float, shape: Shape) -> _Gain:
    seen = seen_of(operator, shape)
    codes, level = operator.normal
    n = len(seen)
    whole, e = coded(c * np.outer(seen, seen), EXACT_BITS - ROW_BITS - bits_of(n))
    ca = np.ldexp(codes @ whole, (level + e)[:, np.newaxis])
    rounded, e = coded(ca, EXACT_BITS - ROW_BITS - bits_of(n))
    signal = np.ldexp(codes @ rounded.T, level[:, np.newaxis] + e)
    return _solved(operator, (signal + signal.T) / 2, ca, np.diag(c) * seen, noise)


def _white(operator: ExactRectangles, variance: float, noise: float, shape: Shape) -> Floats:
    seen = seen_of(operator, shape)
    codes, level = operator.normal
    kept = codes * seen
    signal = variance * np.ldexp(kept @ kept.T, level[:, np.newaxis] + level)
    ca = variance * np.ldexp(kept, level[:, np.newaxis])
    return _solved(operator, signal, ca, variance * seen, noise).gain


def _solved(
    operator: ExactRectangles, signal: Floats, ca: Floats, variance: NDArray[Any], noise: float
) -> _Gain:
    """Return the gain of A C A^T, [m, m], and A C, [m, n], of rows near unit length."""
    # The noise and the floor are those of the rows as they are.
    units = np.ldexp(1.0, 2 * operator.unit)
    trace = float(np.cumsum(np.diag(signal) * units)[-1])
    mean = trace / len(signal)
    if not mean > 0:
        return _Gain(np.zeros_like(ca), variance.astype(np.float64), float(noise > 0))
    added = (noise * noise + FLOOR * mean) / units
    signal[np.diag_indices_from(signal)] += added
    gain, left = _substituted(signal, ca, variance.astype(np.float64))
    return _Gain(gain, left, math.sqrt(noise * noise / (mean + noise * noise)))


def _substituted(s: Floats, right: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """Return S^-1 R, and the variance less the diagonal of R^T S^-1 R.

    Cholesky and both substitutions in outer products: no sum is left to a library.

    Args:
        s: S, [m, m], positive definite; overwritten.
        right: R, [m, n].
        variance: [n].
    """
    m, x, left = len(s), right.copy(), variance.copy()
    least = np.diag(s).min() * 2.0**-40
    for j in range(m):
        root = math.sqrt(max(float(s[j, j]), least))
        s[j, j] = root
        s[j + 1 :, j] /= root
        column = s[j + 1 :, j]
        s[j + 1 :, j + 1 :] -= column[:, np.newaxis] * column
        x[j] /= root
        x[j + 1 :] -= column[:, np.newaxis] * x[j]
        left -= x[j] * x[j]
    for j in range(m - 1, -1, -1):
        x[j] /= s[j, j]
        x[:j] -= s[j, :j, np.newaxis] * x[j]
    return x, left
