"""The moves of the learned search: its start, its steps, its correction, without any decision."""

from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.bundle.search import Schedule
from bitprior_runtime.sensing.exact_estimate import ExactEstimate
from bitprior_runtime.sensing.iterative_estimate import IterativeEstimate
from bitprior_runtime.sensing.linear_estimate import LinearEstimate
from bitprior_runtime.sensing.operator import FloatArray
from bitprior_runtime.solvers.solution import Array

# Base-2 logarithm of the share of a pixel's deviation that is left open; trainings saw -3.2.
_PINNED = -3.5

Linear: TypeAlias = LinearEstimate | IterativeEstimate | ExactEstimate


class SearchedPrior(Protocol):
    """A prior bound to a frame, with the networks of its learned search."""

    frame: tuple[int, int]
    latent: int
    maps: tuple[int, int, int]

    def generate(self, z: NDArray[Any]) -> NDArray[Any]:
        """Return G(z), [B,C,H,W], of latents [B,k]."""
        ...

    def vjp(self, z: NDArray[Any], cotangent: NDArray[Any]) -> NDArray[Any]:
        """Return J_G^T c, [B,k], of cotangents [B,C,H,W]."""
        ...

    def start(self, u: NDArray[Any]) -> NDArray[Any]:
        """Return z0, [B,k], of [estimate - mean; deviation], [B,2,H,W]."""
        ...

    def penalty(self, z: NDArray[Any]) -> NDArray[Any]:
        """Return K1 z, [B, P * h * w]."""
        ...

    def penalty_vjp(self, z: NDArray[Any], w: NDArray[Any]) -> NDArray[Any]:
        """Return K1^T w, [B,k]."""
        ...


@dataclass(frozen=True, eq=False)
class Step:
    """The numbers of one step for one problem.

    Attributes:
        step_size: alpha by channel, [C,1].
        momentum: beta.
        adjoint: Weight of the pseudo-inverse.
        estimate: Weight of the linear estimate.
        shrinkage: gamma by channel, its factor in it, [C,1].
        slope: s by channel of the penalty, [P,1].
        threshold: b by channel of the penalty, [P,1].
    """

    step_size: FloatArray
    momentum: np.float32
    adjoint: float
    estimate: float
    shrinkage: FloatArray
    slope: FloatArray
    threshold: FloatArray

    @classmethod
    def of(cls, schedule: Schedule, t: int, features: FloatArray) -> "Step":
        """Return step t of a problem with these features."""
        s = schedule
        return cls(
            step_size=s.step_size[t][:, np.newaxis],
            momentum=np.float32(s.momentum[t]),
            adjoint=float(_told(s.adjoint[t], features)),
            estimate=float(_told(s.estimate[t], features)),
            shrinkage=(s.shrinkage[t] * _told(s.strength[t], features))[:, np.newaxis],
            slope=_told(s.slope[t], features)[:, np.newaxis],
            threshold=_told(s.threshold[t], features)[:, np.newaxis],
        )


def _told(weights: FloatArray, features: FloatArray) -> Any:
    """Return weights [..., F] times features, one after the other: the same on every machine."""
    found = weights[..., 0] * features[0]
    for index in range(1, len(features)):
        found = found + weights[..., index] * features[index]
    return found


class Searching:
    """The moves of a search on one problem, without any decision.

    Args:
        prior: G and the search's networks, on the operator's frame.
        schedule: What each step uses.
        mean: Of the pixels.
        linear: Gains of the operator.
        y: Measurements [B,m].

    Attributes:
        trained: T, steps of the schedule.
        noise_loss: What the noise adds to the loss, on average.
        without_photo: ||y - A mean||^2, [B]: the loss of a gray image.
    """

    def __init__(
        self,
        prior: SearchedPrior,
        schedule: Schedule,
        mean: float,
        linear: Linear,
        y: FloatArray,
    ) -> None:
        self._prior, self._schedule = prior, schedule
        self._linear, self._y = linear, y
        self._features = linear.features
        self.trained = schedule.steps
        self.noise_loss = linear.noise**2 * y.shape[1]
        gray = np.full((1, 1, *linear.operator.frame), mean, np.float32)
        self._centred = y - linear.operator.forward(gray)
        self.without_photo = linear.loss(self._centred)

    def start(self) -> Array:
        """Return z0, [B,k]."""
        estimate = self._linear.estimate(self._centred)
        deviation = np.broadcast_to(self._linear.deviation, estimate.shape)
        z0: Array = self._prior.start(np.concatenate([estimate, deviation], axis=1))
        return z0

    def step_of(self, t: int) -> Step:
        """Return the numbers of step t; after the last trained step, those of the last."""
        return Step.of(self._schedule, min(t, self._schedule.steps - 1), self._features)

    def drawn(self, z: Array, rows: Any = slice(None)) -> tuple[Array, Array, Array]:
        """Return G(z), the residual y - A G(z) and its loss, of some rows of y."""
        image = self._prior.generate(z)
        residual = self._y[rows] - self._linear.operator.forward(image)
        return image, residual, self._linear.loss(residual)

    def pulled(self, z: Array, residual: Array, step: Step) -> Array:
        """Return step_size * J_G^T (adjoint P + estimate K) r, [B,k]."""
        weighted = self._linear.pulled(residual, step.adjoint, step.estimate)
        return self._by_channel(step.step_size, self._prior.vjp(z, weighted))

    def shrunk(self, z: Array, step: Step) -> Array:
        """Return the gradient of the penalty times its step size, [B,k]."""
        maps = self._prior.penalty(z).reshape(len(z), len(step.slope), -1)
        maps = step.slope * np.maximum(maps + step.threshold, 0)
        back = self._prior.penalty_vjp(z, maps.reshape(len(z), -1))
        return self._by_channel(step.shrinkage, back)

    def corrected(self, image: Array, residual: Array) -> Array:
        """Return the image with the linear estimate of what its residual says, in [0,1].

        The weight of the estimate is learned. Where the measurements leave next to nothing open,
        more than in any training, and the image still misses them by more than their noise, they
        are believed instead: the weight is 1. Without a noise level nothing tells a miss.
        """
        weight = _told(self._schedule.correction, self._features)
        estimate = self._linear.estimate(residual)
        found: Array = np.clip(image + weight * estimate, 0, 1)
        if self.noise_loss > 0 and self._features[1] < _PINNED:
            left = self._linear.loss(self._y - self._linear.operator.forward(found))
            missed = (left > self.noise_loss)[:, np.newaxis, np.newaxis, np.newaxis]
            found = np.where(missed, np.clip(image + estimate, 0, 1), found)
        return found

    def _by_channel(self, values: Array, z: Array) -> Array:
        scaled: Array = values * z.reshape(len(z), len(values), -1)
        return scaled.reshape(len(z), -1)
