"""How well patterns explain readings, under a Gaussian prior of photos.

Pictures are x ~ N(0, C + mean^2 1 1^T): C the covariance of photos, and a level of either sign, so
that nothing is said of the polarity. Readings of M patterns are then

    y = X beta + g A x + noise,   Cov y = s^2 V,
    V = (A C A^T + mean^2 (A 1) (A 1)^T) / t + lambda I,

t the mean of the diagonal of A C A^T, the columns X those of an unknown offset and drift. beta and
s^2 have closed forms, lambda is found on a grid by the restricted likelihood. The likelihood is the
product of the probabilities of each reading given those before it, so it measures prediction of
what was not seen: nothing is gained by a model that only has many unknowns, and it means the same
for fewer readings than pixels and for more.

The explained share of a set of readings is 1 - exp(-2 (L - L0) / (M - p)), L0 the likelihood of
readings that are X beta and noise alone: the share of the variance that prediction takes away, in
the geometric mean over readings. For random patterns it is close to the share by leaving one out.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.sensing.covariance import Covariance
from bitprior_runtime.sensing.operator import Operator

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

# Noise over signal, in variance: far below what float32 rows say, and nothing but noise.
RATIOS = 10.0 ** np.arange(-8.0, 4.1, 0.5)
_ROUGH = (1e-6, 1e-4, 1e-3, 1e-2, 0.1, 1.0)
_NOTHING = 1e-12
_AT_ONCE = 32


@dataclass(frozen=True, eq=False)
class Explained:
    """What a kernel says of readings.

    Attributes:
        share: Explained share of the variance, 0 to 1, see the module.
        evidence: L - L0, in nats.
        noise: Standard deviation of the noise, in the units of the readings.
        signal: Standard deviation s of the readings that a unit of the kernel gives.
        ratio: lambda.
        left_out: Prediction error of each reading from all others, [M].
        z: The same in standard deviations, [M].
        marginal: Each reading, without offset, in the deviations of the prior, [M].
    """

    share: float
    evidence: float
    noise: float
    signal: float
    ratio: float
    left_out: Floats
    z: Floats
    marginal: Floats


class Kernel:
    """A C A^T of some patterns, factorised once for all readings that may belong to them.

    Memory: 3 M^2 float64, and 32 frames.

    Args:
        matrix: A C A^T, [M, M].
        flat: A 1, what each pattern gives of a flat image, [M].
        mean: Of photos: how large the level of a scene may be.
    """

    def __init__(self, matrix: Floats, flat: Floats, mean: float) -> None:
        self.matrix, self.flat, self.mean = matrix, flat, mean
        self.scale = max(float(np.trace(matrix)) / len(matrix), _NOTHING)

    @cached_property
    def spectrum(self) -> tuple[Floats, Floats]:
        """Eigenvalues of the matrix over its scale, [M], and eigenvectors, [M, M]."""
        values, vectors = np.linalg.eigh(self.matrix / self.scale)
        return np.maximum(values, 0.0), vectors

    @cached_property
    def raised(self) -> Floats:
        """A (C + mean^2 1 1^T) A^T over the scale, [M, M]."""
        found: Floats = self.matrix + np.outer(self.mean * self.flat, self.mean * self.flat)
        return found / self.scale

    def some(self, which: Indices) -> "Kernel":
        """Return the kernel of some of its patterns."""
        return Kernel(self.matrix[np.ix_(which, which)], self.flat[which], self.mean)

    def signed(self, signs: Floats) -> "Kernel":
        """Return the kernel of patterns times signs, [M]."""
        return Kernel(self.matrix * np.outer(signs, signs), self.flat * signs, self.mean)

    def roughly(self, y: Floats, offset: bool, drift: Floats | None = None) -> float:
        """Return about the evidence of :meth:`explained`, in a twentieth of its time.

        By Cholesky factors at a few ratios; never more than the evidence.
        """
        x = _columns(len(y), offset, drift)
        free = len(y) - x.shape[1]
        rest = y - x @ (x.T @ y)
        variance = max(float(rest @ rest) / free, 1e-300)
        nothing = -0.5 * free * np.log(variance)
        best = nothing
        known = np.column_stack([x, y / np.sqrt(variance)])
        count, more = known.shape
        # The factor of [[V, B], [B', D]] holds (L^-1 B)' below L, if D is large enough.
        bordered = np.empty((count + more, count + more))
        bordered[:count, :count] = self.raised
        bordered[:count, count:], bordered[count:, :count] = known, known.T
        diagonal = bordered.diagonal()[:count].copy()
        for ratio in _ROUGH:
            enough = 2.0 * float((known**2).sum()) / ratio + 1.0
            bordered[count:, count:] = enough * np.eye(more)
            bordered[np.arange(count), np.arange(count)] = diagonal + ratio
            try:
                factor = np.linalg.cholesky(bordered)
            except np.linalg.LinAlgError:
                continue
            whitened = factor[count:, :count].T
            value, _ = _restricted(np.ones(count), whitened[:, :-1], whitened[:, -1])
            value -= 0.5 * free * np.log(variance)
            best = max(best, value - float(np.log(factor.diagonal()[:count]).sum()))
        return float(best - nothing)

    def explained(self, y: Floats, offset: bool, drift: Floats | None = None) -> Explained:
        """Return what the kernel says of readings.

        Args:
            y: Readings of its patterns, [M].
            offset: Whether they have an unknown offset.
            drift: Columns of an unknown drift, [M, q].
        """
        values, vectors = np.linalg.eigh(self.raised)
        values = np.maximum(values, 0.0)
        x = _columns(len(y), offset, drift)
        rotated_x, rotated_y = vectors.T @ x, vectors.T @ y
        free = len(y) - x.shape[1]
        nothing = _restricted(np.ones(len(y)), rotated_x, rotated_y)
        best = max(
            (_restricted(1.0 / (values + r), rotated_x, rotated_y)[0], float(r)) for r in RATIOS
        )
        ratio = best[1]
        inverse = 1.0 / (values + ratio)
        evidence = max(best[0] - nothing[0], 0.0)
        variance = _restricted(inverse, rotated_x, rotated_y)[1]
        left_out, deviations = _left_one_out(vectors, inverse, rotated_x, rotated_y)
        s = float(np.sqrt(variance))
        alone = s * np.sqrt(np.maximum(_projected(self.raised, x), 0.0) + ratio)
        centred = y - x @ (x.T @ y)
        with np.errstate(divide="ignore", invalid="ignore"):
            z = np.where(deviations > 0, left_out / (s * deviations), 0.0)
            marginal = np.where(alone > 0, centred / alone, 0.0)
        share = explained_share(evidence, free)
        noise = s * float(np.sqrt(ratio))
        return Explained(share, evidence, noise, s, ratio, left_out, z, marginal)


def kernel_of(operator: Operator, patterns: Indices, covariance: Covariance) -> Kernel:
    """Return the kernel of some patterns of an operator.

    Args:
        operator: A.
        patterns: Which, [M].
        covariance: C, of photos.
    """
    count = len(patterns)
    matrix = np.empty((count, count))
    for first in range(0, count, _AT_ONCE):
        some = patterns[first : first + _AT_ONCE]
        units = np.zeros((len(some), operator.size), np.float32)
        units[np.arange(len(some)), some] = 1
        rows = operator.adjoint(units)[:, 0].astype(np.float64)
        seen = covariance.applied(rows)[:, np.newaxis]
        matrix[first : first + _AT_ONCE] = operator.forward(seen)[:, patterns]
    flat = operator.forward(np.ones((1, 1, *operator.frame), np.float32))[0, patterns]
    return Kernel((matrix + matrix.T) / 2, flat.astype(np.float64), covariance.mean)


def _projected(v: Floats, x: Floats) -> Floats:
    """Return the diagonal of (I - X X^T) V (I - X X^T), [M]."""
    vx = v @ x
    found: Floats = np.diag(v) - 2 * np.sum(x * vx, axis=1) + np.sum((x @ (x.T @ vx)) * x, axis=1)
    return found


def _columns(count: int, offset: bool, drift: Floats | None) -> Floats:
    """Return orthonormal columns of what is unknown besides the picture, [M, p]."""
    given = [np.ones((count, 1))] if offset else []
    given += [drift] if drift is not None else []
    if not given:
        return np.zeros((count, 0))
    found: Floats = np.linalg.qr(np.concatenate(given, axis=1))[0]
    return found


def explained_share(evidence: float, readings: int) -> float:
    """Return 1 - exp(-2 evidence / readings), 0 to 1."""
    return 1.0 - float(np.exp(-2.0 * max(evidence, 0.0) / max(readings, 1)))


def _restricted(inverse: Floats, x: Floats, y: Floats) -> tuple[float, float]:
    """Return the restricted log-likelihood, up to a constant, and the variance s^2.

    Args:
        inverse: 1 / (eigenvalues + lambda), [M].
        x: Columns, rotated, [M, p].
        y: Readings, rotated, [M].
    """
    free = len(y) - x.shape[1]
    gram = x.T @ (inverse[:, np.newaxis] * x)
    seen = x.T @ (inverse * y)
    solved = np.linalg.solve(gram, seen) if x.shape[1] else seen
    quadratic = float(y @ (inverse * y) - seen @ solved)
    variance = max(quadratic / max(free, 1), 1e-300)  # none free: nothing is left over
    volume = float(np.linalg.slogdet(gram)[1]) if x.shape[1] else 0.0
    return -0.5 * (free * np.log(variance) - float(np.log(inverse).sum()) + volume), variance


def _left_one_out(vectors: Floats, inverse: Floats, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return the error of each reading as the others predict it, [M], and its deviation over s.

    With R = V^-1 - V^-1 X (X^T V^-1 X)^-1 X^T V^-1: errors (R y)_i / R_ii of variance s^2 / R_ii.
    A reading that alone says something of beta has R_ii = 0: nothing predicts it, its error is 0.
    """
    back = vectors @ (inverse[:, np.newaxis] * x)
    precision = (vectors * vectors) @ inverse
    whitened = vectors @ (inverse * y)
    if x.shape[1]:
        gram = np.linalg.inv(x.T @ (inverse[:, np.newaxis] * x))
        scale = precision.copy()
        precision = precision - np.einsum("mp,pq,mq->m", back, gram, back)
        whitened = whitened - back @ (gram @ (x.T @ (inverse * y)))
        precision = np.where(precision > 1e-6 * scale, precision, 0.0)
    known = precision > 0
    safe = np.where(known, precision, 1.0)
    return np.where(known, whitened / safe, 0.0), np.where(known, 1 / np.sqrt(safe), 0.0)
