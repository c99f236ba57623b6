"""The linear estimate of least mean squared error among pictures without negative light."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.sensing.covariance import Covariance
from bitprior_runtime.sensing.operator import FloatArray, Operator

_POWER_STEPS = 30
_MARGIN = 1.05  # what the power method may still be below the largest eigenvalue
_STEPS = 100
_TOLERANCE = 1e-3  # of the covariance's deviation, the change of a picture from step to step
_ABOVE = 1e-2  # of the brightest pixel, what may be below 0 when it ends


class Estimating(Protocol):
    """What turns r = y - A mean into an estimate of x - mean."""

    @property
    def operator(self) -> Operator:
        """A."""
        ...

    def estimate(self, r: NDArray[np.float32]) -> FloatArray:
        """Return K r, [B,C,H,W]."""
        ...


def nonnegative_tikhonov(
    linear: Estimating, covariance: Covariance, y: NDArray[np.float32], steps: int = _STEPS
) -> FloatArray:
    """Return the picture x >= 0 of least ||y - A x||^2 / s^2 + (x - mean)^T C^-1 (x - mean).

    C^-1 is never needed: with multipliers l >= 0 of the pixels' bounds the best picture is
    x(l) = x(0) + P l, x(0) the linear estimate and P = C - K A C what it leaves unknown; the dual,
    l^T P l / 2 + l^T x(0), is minimised over l >= 0 by accelerated projected gradient steps
    (FISTA, Beck and Teboulle 2009) with restarts where they turn back. Its gradient is x(l). It
    ends when a step moves the picture by less than 1e-3 of the deviation of photos. Where readings
    are nearly free of noise and the frame is large, the steps may end before: the picture is then
    further from the readings than the linear estimate is.

    Args:
        linear: The linear estimate of A, which knows the noise s.
        covariance: C and mean.
        y: Measurements [1, m].
        steps: Most steps.

    Returns:
        float32 [1,1,H,W]; what the last step left below 0 is set to 0.
    """
    frame = linear.operator.frame
    on = covariance.on(*frame)
    mean = np.full((1, 1, *frame), covariance.mean, np.float32)

    def unknown(light: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return P l, [1,H,W]."""
        spread = on.times(light).astype(np.float32)
        return spread - linear.estimate(linear.operator.forward(spread[:, np.newaxis]))[:, 0]

    free = (mean + linear.estimate(y - linear.operator.forward(mean)))[:, 0]
    pace = np.float32(1 / _largest(unknown, frame))
    light = np.zeros_like(free)
    ahead, picture, turn = light, free, 1.0
    for _ in range(steps if (free < 0).any() else 0):
        now = free + unknown(ahead)
        moved = float(np.abs(now - picture).max())
        picture = now
        further = np.maximum(ahead - pace * picture, 0)
        if np.vdot(ahead - further, further - light) > 0:
            turn = 1.0
        after = (1 + np.sqrt(1 + 4 * turn * turn)) / 2
        ahead = np.maximum(further + np.float32((turn - 1) / after) * (further - light), 0)
        light, turn = further, after
        if moved < _TOLERANCE * covariance.deviation and picture.min() > -_ABOVE * picture.max():
            break
    found: FloatArray = np.maximum(free + unknown(light), 0)[:, np.newaxis]
    return found


def _largest(
    times: Callable[[NDArray[np.float32]], NDArray[np.float32]], frame: tuple[int, int]
) -> float:
    """Return the largest eigenvalue of a positive map of pictures, a little above."""
    found, value = np.ones((1, *frame), np.float32), 1.0
    for _ in range(_POWER_STEPS):
        found = times(found / np.float32(np.linalg.norm(found)))
        value = float(np.linalg.norm(found))
        if value == 0:
            return 1.0
    return value * _MARGIN
