"""Recovery without a prior that was trained: pseudo-inverse, Tikhonov, total variation."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing.linear_estimate import check_noise
from bitprior_runtime.sensing.operator import FloatArray, Operator, check_measurements

Linear = Callable[[FloatArray], FloatArray]

_TOLERANCE = 1e-5  # of the normal equations' residual, relative
_POWER_STEPS = 60
_MARGIN = 1.05  # what the power method may still be below the norm
_SHRINK = 0.5  # from one weight of the total variation to the next
_WEIGHTS = 24
_BISECTIONS = 4
_INNER = 100  # steps for each weight


@dataclass(frozen=True, eq=False)
class ClassicalRecovery:
    """An image found without a trained prior.

    Attributes:
        image: x, float32 [B,C,H,W], not clipped.
        residual: ||y - A x||^2 of each image, float32 [B].
        steps: Steps of conjugate gradients, or of the primal-dual search over all weights.
        weight: Weight of the total variation; None for the others.
    """

    image: FloatArray
    residual: FloatArray
    steps: int
    weight: float | None = None


def pseudo_inverse(operator: Operator, y: NDArray[Any], steps: int = 200) -> ClassicalRecovery:
    """Return the least-squares image of smallest norm: A^+ y.

    By conjugate gradients on the normal equations from zero (CGLS), whose steps stay in the row
    space of A; it ends when ||A^T r|| is 1e-5 of ||A^T y||, or after ``steps``, which regularises.

    Args:
        operator: A.
        y: Measurements [B, C * m].
        steps: Most steps.

    Raises:
        UsageError: Measurements of another length or not finite, or fewer than 1 step.
    """
    y = check_measurements(y, operator.size)
    if steps < 1:
        raise UsageError("at least 1 step", f"{steps}", "change steps")
    r = y.copy()
    s = operator.adjoint(r)
    x, p = np.zeros_like(s), s.copy()
    gamma = _squares(s)
    least = gamma * _TOLERANCE**2
    taken = 0
    while taken < steps and (gamma > least).any():
        q = operator.forward(p)
        alpha = _ratio(gamma, _squares(q))
        x += _rows(alpha, x) * p
        r -= _rows(alpha, r) * q
        s = operator.adjoint(r)
        grown = _squares(s)
        p = s + _rows(_ratio(grown, gamma), s) * p
        gamma = grown
        taken += 1
    return ClassicalRecovery(x, _squares(y - operator.forward(x)), taken)


def total_variation(
    operator: Operator,
    y: NDArray[Any],
    noise: float,
    *,
    nonnegative: bool = False,
) -> ClassicalRecovery:
    """Return the image of least total variation that explains y up to its noise.

    The primal-dual method of Chambolle and Pock (2011) on ||y - A x||^2 / 2 + w TV(x), isotropic,
    with the weight w lowered from one at which x is flat until the residual is that of the noise,
    ||y - A x||^2 = m noise^2 (discrepancy principle), then bisected; each weight begins at the
    image of the one before. Without noise the smallest weight, 2^-24 of the first, remains.

    Args:
        operator: A.
        y: Measurements [B, C * m]; all rows share one weight.
        noise: Standard deviation of the noise of a measurement, in the units of y.
        nonnegative: Images are held at 0 or above.

    Raises:
        UsageError: Measurements of another length or not finite; noise that is none.
    """
    y = check_measurements(y, operator.size)
    target = y.size * check_noise(noise) ** 2
    norm = operator_norm(operator)
    search = _PrimalDual(operator, y, norm, nonnegative)
    high = float(np.abs(search.pulled).max()) / norm**2 or 1.0
    weight = high
    for _ in range(_WEIGHTS):
        search.run(weight)
        if search.residual() <= target:
            break
        high, weight = weight, weight * _SHRINK
    low = weight
    for _ in range(_BISECTIONS if target > 0 and low < high else 0):
        weight = math.sqrt(low * high)
        search.run(weight)
        if search.residual() <= target:
            low = weight
        else:
            high = weight
    x = search.x
    return ClassicalRecovery(x, _squares(y - operator.forward(x)), search.steps, weight)


def operator_norm(operator: Operator, seed: int = 0) -> float:
    """Return the largest singular value of an operator, by 60 steps of the power method.

    Args:
        operator: A.
        seed: Of the first image.
    """
    x = np.random.default_rng(seed).standard_normal((1, 1, *operator.frame)).astype(np.float32)
    norm = 1.0
    for _ in range(_POWER_STEPS):
        x = operator.adjoint(operator.forward(x))
        norm = float(np.sqrt(_squares(x)[0]))
        if norm == 0:
            return 1.0
        x = x / np.float32(norm)
    return math.sqrt(norm)


class _PrimalDual:
    """The search for one weight after the other, warm.

    All is scaled so that A has norm 1; the steps are 1 / 3, as ||[A; grad]||^2 <= 1 + 8 = 9.
    """

    def __init__(self, operator: Operator, y: FloatArray, norm: float, nonnegative: bool) -> None:
        self._operator, self._y, self._norm = operator, y, norm * _MARGIN
        self._nonnegative = nonnegative
        self.pulled = operator.adjoint(y)
        self.x = np.zeros_like(self.pulled)
        self._ahead = self.x
        self._p: NDArray[Any] = np.zeros_like(y)
        self._q = np.zeros((2, *self.x.shape), np.float32)
        self.steps = 0

    def run(self, weight: float, steps: int = _INNER) -> None:
        """Take steps for one weight of the scaled problem."""
        step = np.float32(1 / 3)
        scale = np.float32(1 / self._norm)
        for _ in range(steps):
            error = (self._operator.forward(self._ahead) - self._y) * scale
            self._p = (self._p + step * error) / np.float32(4 / 3)
            q: NDArray[Any] = self._q + step * gradient(self._ahead)
            size = np.sqrt((q * q).sum(axis=0))
            self._q = (q / np.maximum(size / np.float32(weight), 1)).astype(np.float32)
            descent = self._operator.adjoint(self._p) * scale - divergence(self._q)
            x = self.x - step * descent
            if self._nonnegative:
                x = np.maximum(x, 0)
            self._ahead = 2 * x - self.x
            self.x = x
            self.steps += 1

    def residual(self) -> float:
        """Return ||y - A x||^2 over all rows."""
        return float(_squares(self._y - self._operator.forward(self.x)).sum())


def gradient(x: NDArray[Any]) -> NDArray[Any]:
    """Return forward differences down and across, [2,B,C,H,W], 0 at the lower and right edge."""
    found = np.zeros((2, *x.shape), x.dtype)
    found[0, :, :, :-1] = x[:, :, 1:] - x[:, :, :-1]
    found[1, :, :, :, :-1] = x[:, :, :, 1:] - x[:, :, :, :-1]
    return found


def divergence(q: NDArray[Any]) -> NDArray[Any]:
    """Return the negative adjoint of :func:`gradient`: [2,B,C,H,W] to [B,C,H,W]."""
    found = np.zeros(q.shape[1:], q.dtype)
    found[:, :, :-1] += q[0, :, :, :-1]
    found[:, :, 1:] -= q[0, :, :, :-1]
    found[:, :, :, :-1] += q[1, :, :, :, :-1]
    found[:, :, :, 1:] -= q[1, :, :, :, :-1]
    return found


def _squares(values: NDArray[Any]) -> FloatArray:
    flat = values.reshape(len(values), -1)
    found: FloatArray = np.einsum("bn,bn->b", flat, flat)
    return found


def _ratio(a: FloatArray, b: FloatArray) -> FloatArray:
    found: FloatArray = np.where(b > 0, a / np.where(b > 0, b, 1), 0).astype(np.float32)
    return found


def _rows(factors: FloatArray, like: NDArray[Any]) -> FloatArray:
    return factors.reshape(-1, *(1,) * (like.ndim - 1))


METHODS: Mapping[str, str] = {
    "pseudo-inverse": "least squares of smallest norm",
    "tikhonov": "linear estimate under the covariance of photos",
    "tv": "total variation",
}
