"""The linear estimate of least mean squared error (Wiener, Tikhonov with a covariance)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing.blocks import Rectangles
from bitprior_runtime.sensing.covariance import Covariance
from bitprior_runtime.sensing.gram import has_written_rows, rows_between
from bitprior_runtime.sensing.operator import FloatArray, Operator, Shape, named

Floats = NDArray[np.float64]

# Of the mean variance of the measurements: keeps dependent rows from dividing by nothing.
FLOOR = 1e-7
# Blocks of more pixels never have their covariance written out.
_WRITTEN_OUT = 1600
LEAST_OPEN = 2.0**-8
_MAX_BYTES = 2**30
_LOUDEST = 2.0**127
_AT_ONCE = 256  # rows that an operator is asked for together
# Two gains of the whole frame that may be kept, bytes.
_GAINS = 2**26
_FAST_GAINS = 2**23


@dataclass(frozen=True, eq=False)
class Gain:
    """What turns measurements of one block into an estimate of its pixels, and how sure that is.

    Attributes:
        gain: K, [n, m] float32: x - mean is estimated by K (y - A mean).
        deviation: Standard deviation of what is left unknown of each pixel, [n] float32.
        noise_share: Root of the share of the noise in the variance of the measurements, 0 to 1.
    """

    gain: NDArray[np.float32]
    deviation: NDArray[np.float32]
    noise_share: float


def linear_gain(
    matrix: NDArray[Any], covariance: Floats, noise: float, seen: NDArray[np.bool_] | None = None
) -> Gain:
    """Return K = C A^T (A C A^T + noise^2 I)^-1 of a block.

    Args:
        matrix: A, [m, n].
        covariance: C of the block's pixels, [n, n].
        noise: Standard deviation of the noise of a measurement, in the units of y.
        seen: Which of the pixels exist, [n]; the others are known to be 0. None: all do.
    """
    a = np.asarray(matrix, np.float64)
    c = covariance
    if seen is not None:
        c = c * np.outer(seen, seen)
    return _gain(a, c @ a.T, np.diag(c), noise)


def _gain(a: Floats, ca: Floats, variance: NDArray[Any], noise: float) -> Gain:
    """Return the gain from C A^T, [n, m], and the diagonal of C, [n]."""
    signal = a @ ca
    mean = float(np.trace(signal)) / len(a)
    if not mean > 0:  # every row sees only pixels that do not exist
        nothing = np.zeros(ca.shape, np.float32)
        return Gain(nothing, np.sqrt(variance).astype(np.float32), float(noise > 0))
    signal[np.diag_indices_from(signal)] += noise * noise + FLOOR * mean
    gain = np.linalg.solve(signal, ca.T).T
    variance = variance - np.einsum("nm,nm->n", gain, ca)
    deviation = np.sqrt(np.maximum(variance, 0))
    share = float(np.sqrt(noise * noise / (mean + noise * noise)))
    return Gain(gain.astype(np.float32), deviation.astype(np.float32), share)


def _tall_gain(a: Floats, c: Floats, noise: float) -> Gain:
    """Return the gain of more measurements than pixels: all that is solved is [n, n].

    With C = L L^T, K = L (L^T A^T A L + s I)^-1 L^T A^T, and what it leaves unknown has the
    covariance s L (L^T A^T A L + s I)^-1 L^T.
    """
    gram = a.T @ a
    mean = float(np.sum(gram * c)) / len(a)
    if not mean > 0:
        nothing = np.zeros((len(c), len(a)), np.float32)
        return Gain(nothing, np.sqrt(np.diag(c)).astype(np.float32), float(noise > 0))
    values, vectors = np.linalg.eigh(c)
    root = vectors * np.sqrt(np.maximum(values, 0))
    added = noise * noise + FLOOR * mean
    inner = root.T @ gram @ root
    inner[np.diag_indices_from(inner)] += added
    solved = np.linalg.solve(inner, root.T)
    gain = (root @ solved) @ a.T
    variance = added * np.einsum("nk,kn->n", root, solved)
    deviation = np.sqrt(np.maximum(variance, 0))
    share = float(np.sqrt(noise * noise / (mean + noise * noise)))
    return Gain(gain.astype(np.float32), deviation.astype(np.float32), share)


class LinearEstimate:
    """What the measurements of an operator say of a photo by themselves, in one product.

    The estimate of x is ``mean + K (y - A mean)``. Blocks at the frame's right and lower edge have
    pixels that do not exist; each kind of block (inside, right, lower, corner) has gains of its
    own. All is linear in y, channel by channel.

    Memory: two gains of 4 m n bytes for each kind of block, so at 33 x 33 and m = 272 at most
    9.5 MB, whatever the frame. While they are worked out, 8 (3 n^2 + 3 m n + m^2) bytes; of blocks
    of more than 1,600 pixels the covariance is never written out: 8 (4 m n + m^2).

    Args:
        operator: A. One that is neither Blocks nor Matrix is written out as a matrix of 4 m H W
            bytes first, at most 1 GiB.
        covariance: Of photos.
        noise: Standard deviation of the noise of a measurement, in the units of y.

    Attributes:
        operator: A, as blocks.
        noise: As given.
        deviation: Standard deviation of what K leaves unknown of each pixel, float32 [H,W].
        features: What the search is told of the problem, float32 [3]: 1; the base-2 logarithm of
            the root mean square of ``deviation`` over a pixel's own deviation, at least -8; the
            root of the noise's share in the variance of the measurements.

    Raises:
        UsageError: Noise that is negative or not finite; an operator that is too large.
    """

    def __init__(self, operator: Operator, covariance: Covariance, noise: float = 0.0) -> None:
        self.operator = written_out(operator)
        self.noise = check_noise(noise)
        shapes, self._kinds = kinds_of(self.operator)
        gains = [_wiener(self.operator, covariance, noise, shape) for shape in shapes]
        self._gains = [gain.gain for gain in gains]
        level = covariance.deviation**2
        self._inverses = [_white(self.operator, level, noise, shape).gain for shape in shapes]
        left = np.stack([gains[kind].deviation for kind in self._kinds])[np.newaxis, np.newaxis]
        self.deviation: FloatArray = self.operator.join(left)[0, 0]
        rms = float(np.sqrt(np.mean(self.deviation.astype(np.float64) ** 2)))
        opened = float(np.log2(max(rms / covariance.deviation, LEAST_OPEN)))
        share = max(gain.noise_share for gain in gains)
        self.features = np.array([1.0, opened, share], np.float32)

    def estimate(self, r: NDArray[Any]) -> FloatArray:
        """Return K r, [B,C,H,W], the estimate of x - mean where r = y - A mean, [B, C * m]."""
        return self.pulled(r, 0.0, 1.0)

    def inverse(self, r: NDArray[Any]) -> FloatArray:
        """Return P r, [B,C,H,W]: the damped pseudo-inverse, the estimate for white pixels."""
        return self.pulled(r, 1.0, 0.0)

    def loss(self, r: FloatArray) -> FloatArray:
        """Return the sum of squares of each row of r, [B]."""
        sums: FloatArray = np.einsum("bm,bm->b", r, r)
        return sums

    def pulled(self, r: NDArray[Any], inverse: float, estimate: float) -> FloatArray:
        """Return (inverse * P + estimate * K) r, [B,C,H,W], of measurements r [B, C * m]."""
        blocks = self.operator.by_block(r)
        n = self.operator.matrix.shape[1]
        found = np.empty((*blocks.shape[:3], n), np.float32)
        for kind, (p, k) in enumerate(zip(self._inverses, self._gains, strict=True)):
            which = np.flatnonzero(self._kinds == kind)
            found[:, :, which] = blocks[:, :, which] @ _weighted(p, k, inverse, estimate).T
        return self.operator.join(found)


def _weighted(
    p: NDArray[np.float32], k: NDArray[np.float32], inverse: float, estimate: float
) -> NDArray[np.float32]:
    if inverse == 0 and estimate == 1:
        return k
    if inverse == 1 and estimate == 0:
        return p
    return np.float32(inverse) * p + np.float32(estimate) * k


def fits(operator: Operator) -> bool:
    """Return whether an operator's gains are small enough to be kept, as two matrices.

    64 MB for each kind of block or for patterns; 8 MB for an operator with a fast transform, of
    which :class:`~bitprior_runtime.sensing.iterative_estimate.IterativeEstimate` is the faster.
    """
    if isinstance(operator, Rectangles):
        return 8 * operator.matrix.size <= _GAINS
    most = _GAINS if has_written_rows(operator) else _FAST_GAINS
    return 8 * operator.size * operator.frame[0] * operator.frame[1] <= most


def check_noise(noise: float) -> float:
    """Return the noise as a float.

    Raises:
        UsageError: Negative, not a number, or beyond what float32 measurements can have.
    """
    number = isinstance(noise, int | float | np.integer | np.floating)
    if not number or isinstance(noise, bool) or not 0 <= noise <= _LOUDEST:
        expected = "noise from 0 to 2^127, a standard deviation"
        raise UsageError(expected, f"{noise}", "change noise")
    return float(noise)


def written_out(operator: Operator) -> Rectangles:
    """Return an operator as blocks, or as one matrix of the frame if it is of another kind.

    Raises:
        UsageError: The matrix would be larger than 1 GiB.
    """
    if isinstance(operator, Rectangles):
        return operator
    height, width = operator.frame
    size = 4 * operator.size * height * width
    if size > _MAX_BYTES:
        raise UsageError(
            f"an operator of at most {_MAX_BYTES} bytes as a matrix",
            f"{size} bytes ({operator.size} rows, frame {named(operator.frame)})",
            "use blocks, or a solver that needs no linear estimate: fista",
        )
    return Rectangles(_all_rows(operator), operator.frame, operator.frame, dependent=True)


def _all_rows(operator: Operator) -> FloatArray:
    """Return the matrix of an operator, [m, H * W], a few rows at a time."""
    size = operator.size
    rows = np.empty((size, operator.frame[0] * operator.frame[1]), np.float32)
    for first in range(0, size, _AT_ONCE):
        last = min(first + _AT_ONCE, size)
        rows[first:last] = rows_between(operator, first, last)
    return rows


def kinds_of(operator: Rectangles) -> tuple[list[Shape], NDArray[np.intp]]:
    """Return the kinds of blocks by the pixels that exist, and which kind each block is."""
    (rows, columns), (tall, wide) = operator.grid, operator.block
    low = operator.frame[0] - (rows - 1) * tall, operator.frame[1] - (columns - 1) * wide
    shapes: dict[Shape, int] = {}
    order = []
    for row in range(rows):
        for column in range(columns):
            seen = low[0] if row == rows - 1 else tall, low[1] if column == columns - 1 else wide
            order.append(shapes.setdefault(seen, len(shapes)))
    return list(shapes), np.array(order)


def seen_of(operator: Rectangles, shape: Shape) -> NDArray[np.bool_]:
    """Return which pixels of a kind of block exist, [n].

    Args:
        operator: A.
        shape: (height, width) of those that do.
    """
    seen = np.zeros(operator.block, bool)
    seen[: shape[0], : shape[1]] = True
    return seen.ravel()


def _wiener(operator: Rectangles, covariance: Covariance, noise: float, shape: Shape) -> Gain:
    """Return the gain of a kind of block under the covariance of photos."""
    seen = seen_of(operator, shape)
    if len(operator.matrix) > len(seen):
        c = covariance.between(*operator.block) * np.outer(seen, seen)
        return _tall_gain(operator.matrix.astype(np.float64), c, noise)
    if len(seen) <= _WRITTEN_OUT:
        c = covariance.between(*operator.block)
        return linear_gain(operator.matrix, c, noise, seen)
    a = operator.matrix.astype(np.float64)
    ca = covariance.applied((a * seen).reshape(-1, *operator.block)).reshape(len(a), -1)
    return _gain(a, (ca * seen).T, covariance.deviation**2 * seen, noise)


def _white(operator: Rectangles, variance: float, noise: float, shape: Shape) -> Gain:
    """Return the gain of a kind of block whose pixels know nothing of each other."""
    seen = seen_of(operator, shape)
    a = operator.matrix.astype(np.float64)
    if len(a) > len(seen):
        return _tall_gain(a, np.diag(variance * seen), noise)
    return _gain(a, variance * (a * seen).T, variance * seen, noise)
