"""The linear estimate of an operator too large to be written out, by conjugate gradients."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.sensing.conjugate_gradients import Applied, ConjugateGradients
from bitprior_runtime.sensing.covariance import Covariance
from bitprior_runtime.sensing.gram import fit, grams, has_written_rows
from bitprior_runtime.sensing.linear_estimate import FLOOR, LEAST_OPEN, check_noise
from bitprior_runtime.sensing.operator import FloatArray, Operator, Shape, channels_of

# Made-up photos that say how much is left unknown, and the side of the squares of pixels over
# which their errors are averaged.
_PHOTOS = 16
_TOGETHER = 2**19  # pixels of those that are estimated together
_SQUARE = 9
_SEED = 20261129
# What the rows' products may differ from a multiple of the identity.
_ORTHOGONAL = 1e-4
# Smooth images down and across whose measurements are solved for directly.
_SMOOTH = 8


class IterativeEstimate:
    """What :class:`~bitprior_runtime.sensing.linear_estimate.LinearEstimate` is, without a matrix.

    K r = C A^T (A C A^T + s I)^-1 r with s = noise^2 + 1e-7 trace(A C A^T) / m is found by
    conjugate gradients, preconditioned by the diagonal and a coarse space of 64 smooth images, to
    a residual of 5e-3 of what the coarse space left of r, or for 100 steps. C is applied by
    Fourier transforms, A by the operator itself; on frames larger than the table of C it is
    :meth:`~bitprior_runtime.sensing.covariance.Covariance.positive`. P is the same with a multiple
    of the identity for C; where the rows are orthogonal and of one length, A A^T = c I, which two
    random vectors tell, it is a multiple of A^T.

    The diagonal of A C A^T, and the deviation, come from 16 made-up photos of covariance C drawn
    from a fixed seed: the mean of the squared errors that K makes of them, averaged over squares
    of 9 x 9 pixels. The deviation of a pixel is known to a few per cent by that, its mean over
    the frame better. The same operator and measurements give the same result again, but the sums
    of another machine may differ in their last digits: there is no exact form.

    Patterns without a fast transform have A C A^T and A A^T written out first, 4 m^2 bytes, up to
    80 MB (4,579 of them): 2 m^2 n operations once, and each step m^2 instead of 2 m n.

    Memory: about 100 bytes a pixel and measurement, and 60 for each row of a batch; A's own.

    Args:
        operator: A.
        covariance: Of photos.
        noise: Standard deviation of the noise of a measurement, in the units of y.

    Attributes:
        operator: A.
        noise: As given.
        deviation: Standard deviation of what K leaves unknown of each pixel, float32 [H,W].
        features: As those of the matrix form, float32 [3].

    Raises:
        UsageError: Noise that is negative or not finite.
    """

    def __init__(self, operator: Operator, covariance: Covariance, noise: float = 0.0) -> None:
        self.operator, self.noise = operator, check_noise(noise)
        self._on = covariance.positive(*operator.frame)
        random = np.random.default_rng(_SEED)
        photos = self._photos(covariance, random)
        signal = self._diagonal(photos, self._on.times)
        coarse = self._measured(_cosines(operator.frame, _SMOOTH))
        times: Applied = self._projected(self._on.times)
        self._alike: Applied = lambda rows: self._measured(self._back(rows))
        if has_written_rows(operator) and fit(operator):
            times, self._alike = grams(operator, self._on)
        self._solver = ConjugateGradients(times, signal, self.noise, coarse)
        self._variance = float(covariance.table[0, 0])
        self._white = self._white_solver(random)
        self.deviation = self._left(photos, random)
        rms = float(np.sqrt(np.mean(self.deviation.astype(np.float64) ** 2)))
        opened = float(np.log2(max(rms / covariance.deviation, LEAST_OPEN)))
        mean = float(signal.mean())
        share = float(np.sqrt(noise * noise / (mean + noise * noise))) if noise else 0.0
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
        r = np.asarray(r)
        channels = channels_of(r, self.operator.size)
        rows = np.ascontiguousarray(r, np.float32).reshape(-1, self.operator.size)
        found = np.zeros((len(rows), *self.operator.frame), np.float32)
        if estimate:
            found += np.float32(estimate) * self._on.times(self._back(self._solver(rows)))
        if inverse:
            found += np.float32(inverse * self._variance) * self._back(self._white(rows))
        return found.reshape(len(r), channels, *self.operator.frame)

    def _back(self, rows: FloatArray) -> FloatArray:
        return self.operator.adjoint(rows)[:, 0]

    def _measured(self, images: NDArray[Any]) -> FloatArray:
        return self.operator.forward(images[:, np.newaxis])

    def _projected(self, covariance: Applied) -> Applied:
        """Return what multiplies measurements by A C A^T."""
        return lambda rows: self._measured(covariance(self._back(rows)))

    def _white_solver(self, random: np.random.Generator) -> Applied:
        signs = _signs(random, (2, self.operator.size))
        product = self._alike(signs)
        length = float(np.mean(signs * product))
        if np.linalg.norm(product - length * signs) <= _ORTHOGONAL * np.linalg.norm(product):
            scale = self._variance * length * (1 + FLOOR) + self.noise**2
            return lambda rows: rows * np.float32(1 / scale if scale > 0 else 0)
        level = np.float32(self._variance)
        noise = np.sqrt(level) * _signs(random, (_PHOTOS, *self.operator.frame))
        coarse = self._measured(_cosines(self.operator.frame, 1))
        diagonal = self._diagonal(noise, lambda images: level * images)
        alike = self._alike
        return ConjugateGradients(lambda rows: level * alike(rows), diagonal, self.noise, coarse)

    def _photos(self, covariance: Covariance, random: np.random.Generator) -> FloatArray:
        frame = self.operator.frame
        drawn = [covariance.drawn(lambda shape: _signs(random, shape), frame)
                 for _ in range(_PHOTOS)]  # fmt: skip
        return np.array(drawn, np.float32)

    def _diagonal(self, photos: FloatArray, covariance: Applied) -> NDArray[np.float64]:
        """Return the diagonal of A C A^T, about: exact in what the photos' means say, [m].

        Patterns of 0 and 1 see nearly the mean alone, of which a few photos know little. So it is
        taken out of them: x = C 1 sum(x) / (1^T C 1) + x', whose two parts are uncorrelated.
        """
        whole = covariance(np.ones((1, *self.operator.frame), np.float32)).astype(np.float32)
        total = float(whole.sum(dtype=np.float64))
        sums = photos.sum(axis=(1, 2), keepdims=True, dtype=np.float64).astype(np.float32)
        by_mean = self._measured(whole)[0].astype(np.float64) ** 2 / total
        others = self._measured(photos - whole * (sums / np.float32(total)))
        squares = np.square(others, dtype=np.float64).mean(axis=0)
        found: NDArray[np.float64] = by_mean + squares
        return found

    def _left(self, photos: FloatArray, random: np.random.Generator) -> FloatArray:
        """Return the deviation of what K leaves unknown of each pixel, [H,W]."""
        squares = np.zeros(self.operator.frame)
        count = max(1, _TOGETHER // photos[0].size)
        for first in range(0, len(photos), count):
            some = photos[first : first + count]
            y = self._measured(some)
            y += np.float32(self.noise) * _signs(random, y.shape)
            squares += np.square(some - self.estimate(y)[:, 0], dtype=np.float64).sum(axis=0)
        found: FloatArray = np.sqrt(_averaged(squares / len(photos))).astype(np.float32)
        return found


def _cosines(frame: Shape, count: int) -> FloatArray:
    """Return the smoothest images of a frame, count down times count across, [k,H,W]."""
    waves = [np.cos(np.pi * np.outer(np.arange(min(count, side)), np.arange(side) + 0.5) / side)
             for side in frame]  # fmt: skip
    outer = waves[0][:, np.newaxis, :, np.newaxis] * waves[1][:, np.newaxis]
    found: FloatArray = outer.reshape(-1, *frame).astype(np.float32)
    return found


def _signs(random: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    signs: FloatArray = random.integers(0, 2, shape, dtype=np.int8) * np.float32(2) - np.float32(1)
    return signs


def _averaged(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return means over squares of pixels, those of the frame around each, [H,W]."""
    found = values
    for axis in (0, 1):
        length = found.shape[axis]
        sums = np.concatenate([np.zeros_like(found.take([0], axis)), found.cumsum(axis)], axis)
        first = np.maximum(np.arange(length) - _SQUARE // 2, 0)
        last = np.minimum(np.arange(length) + _SQUARE // 2 + 1, length)
        counts = (last - first).reshape((-1, 1) if axis == 0 else (1, -1))
        found = (sums.take(last, axis) - sums.take(first, axis)) / counts
    return found
