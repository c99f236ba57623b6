"""One picture found from several sides: mirrored, recovered, mirrored back, and averaged.

Photos have no preferred side, a trained search has: mirrored, it makes other errors. The mean of
what it finds of the mirrored scenes is nearer to the scene than each of them.
"""

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.camera.view import Viewed
from bitprior_runtime.sensing.operator import FloatArray, Operator
from bitprior_runtime.solvers.searching import Linear

# Mirrored pictures have the frame of the picture, so that the prior is bound to it once.
MIRRORED = ("as-written", "flipped-left-right", "flipped-up-down", "half-turn")


class MirroredEstimate:
    """The linear estimate of a mirrored operator, from that of the operator itself.

    Args:
        linear: Of the operator.
        operator: The mirrored one.

    Attributes:
        operator: The mirrored one.
        noise: As of the operator itself.
        deviation: Standard deviation of what is left unknown of each pixel, float32 [H,W].
        features: As of the operator itself, float32 [3].
    """

    def __init__(self, linear: Linear, operator: Viewed) -> None:
        self._linear, self.operator = linear, operator
        self.noise, self.features = linear.noise, linear.features
        self.deviation: FloatArray = operator.shown(linear.deviation)

    def estimate(self, r: NDArray[Any]) -> FloatArray:
        """Return K r, [B,C,H,W]."""
        return self.operator.shown(self._linear.estimate(r))

    def inverse(self, r: NDArray[Any]) -> FloatArray:
        """Return P r, [B,C,H,W]."""
        return self.operator.shown(self._linear.inverse(r))

    def loss(self, r: FloatArray) -> FloatArray:
        """Return the sum of squares of each row of r, [B]."""
        return self._linear.loss(r)

    def pulled(self, r: NDArray[Any], inverse: float, estimate: float) -> FloatArray:
        """Return (inverse * P + estimate * K) r, [B,C,H,W]."""
        return self.operator.shown(self._linear.pulled(r, inverse, estimate))


def mirrored(linear: Linear, operator: Operator, view: str) -> tuple[Viewed, Linear]:
    """Return an operator and its linear estimate for a mirrored picture.

    Args:
        linear: Of the operator.
        operator: A.
        view: One of :data:`MIRRORED`.
    """
    turned = Viewed(operator, view)
    return turned, cast(Linear, MirroredEstimate(linear, turned))  # it has all that a search asks


def mean_of(pictures: list[tuple[Viewed, FloatArray]]) -> FloatArray:
    """Return the mean of mirrored pictures [1,1,H,W], each mirrored back."""
    back = [operator.as_written(picture) for operator, picture in pictures]
    return np.asarray(np.mean(back, axis=0, dtype=np.float64), np.float32)
