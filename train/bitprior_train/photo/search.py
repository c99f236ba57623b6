"""The learned search, unrolled: from measurements to a photo in T steps on the latent maps."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from bitprior_train.photo.networks import STRIDE, PhotoNetworks, Weights
from bitprior_train.photo.problem import Problem


@dataclass(frozen=True)
class Found:
    """What a search ends with.

    Attributes:
        image: The photo on its canvas, [B,1,H',W'].
        start: G(z0).
        between: The image after a step asked for, or None.
    """

    image: Tensor
    start: Tensor
    between: Tensor | None


class Search:
    """One search with fixed weights.

    Args:
        networks: The prior.
        low: Type of the convolutions' operands: bfloat16, or float32.
    """

    def __init__(self, networks: PhotoNetworks, low: torch.dtype) -> None:
        self._schedule = networks.schedule
        self._mean = networks.generator.mean
        self._low = low
        weights = networks.weights()
        self._weights = Weights(**{name: value.to(low) for name, value in vars(weights).items()})
        self._hidden_back = _adjoint(self._weights.hidden)
        self._residual_back = _adjoint(self._weights.residual)
        self._linear_back = _adjoint(self._weights.linear)
        self._penalty_back = _adjoint(self._weights.penalty)

    def start(self, problem: Problem, y: Tensor) -> Tensor:
        """Return z0 from measurements [B, blocks, m]."""
        w = self._weights
        mean = torch.full_like(problem.deviation, self._mean)
        estimate = problem.back(problem.gain, y - problem.measure(mean))
        u = torch.cat([estimate, problem.deviation.expand_as(estimate)], dim=1)
        u = u.to(self._low).contiguous(memory_format=torch.channels_last)
        maps = torch.relu(functional.conv2d(u, w.first, w.first_bias, 2, 2))
        maps = functional.conv2d(maps, w.second, padding=1)
        return (functional.conv2d(u, w.skip, stride=STRIDE) + maps).float()

    def draw(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return G(z) and which hidden values are above 0."""
        w, low = self._weights, z.to(self._low)
        hidden = torch.relu(functional.conv2d(low, w.hidden, w.hidden_bias, padding=1))
        maps = functional.conv2d(low, w.linear) + functional.conv2d(hidden, w.residual, padding=1)
        image = functional.pixel_shuffle(maps.float(), STRIDE) + self._mean
        return image, (hidden > 0).to(self._low)

    def pull(self, cotangent: Tensor, above: Tensor) -> Tensor:
        """Return J_G^T of an image's cotangent."""
        maps = functional.pixel_unshuffle(cotangent, STRIDE).to(self._low)
        maps = maps.contiguous(memory_format=torch.channels_last)
        hidden = above * functional.conv2d(maps, self._residual_back, padding=1)
        back = functional.conv2d(hidden, self._hidden_back, padding=1)
        return back + functional.conv2d(maps, self._linear_back)

    def shrink(self, z: Tensor, features: Tensor, t: int) -> Tensor:
        """Return gamma times the gradient of the penalty."""
        s = self._schedule
        slope, threshold = s.slope[t] @ features, s.threshold[t] @ features
        maps = functional.conv2d(z.to(self._low), self._weights.penalty, padding=1)
        maps = _by_channel(slope, self._low) * torch.relu(maps + _by_channel(threshold, self._low))
        back = functional.conv2d(maps, self._penalty_back, padding=1)
        return _by_channel(s.shrinkage[t] * (s.strength[t] @ features), self._low) * back

    def step(
        self, problem: Problem, y: Tensor, z: Tensor, v: Tensor, t: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return z and the momentum after step t, and the image before it."""
        s, features = self._schedule, problem.features
        image, above = self.draw(z)
        residual = y - problem.measure(image)
        weights = (s.adjoint[t] @ features) * problem.inverse
        weights = weights + (s.estimate[t] @ features) * problem.gain
        pulled = self.pull(problem.back(weights, residual), above)
        v = s.momentum[t] * v + _by_channel(s.step_size[t], self._low) * pulled
        z = z + v
        return z - self.shrink(z, features, t), v, image

    def correct(self, problem: Problem, y: Tensor, image: Tensor) -> Tensor:
        """Return the image with the linear estimate of what its residual says."""
        weight = self._schedule.correction @ problem.features
        return image + weight * problem.back(problem.gain, y - problem.measure(image))

    def run(self, problem: Problem, y: Tensor, steps: int, between: int | None = None) -> Found:
        """Search.

        Args:
            problem: Operator and frame.
            y: Measurements [B, blocks, m].
            steps: How many of the schedule's steps, the first ones.
            between: A step whose corrected image is returned too.
        """
        z = self.start(problem, y)
        v = torch.zeros_like(z)
        first: Tensor | None = None
        asked = None
        for t in range(steps):
            z, v, image = self.step(problem, y, z, v, t)
            first = image if first is None else first
            if t == between:
                asked = self.correct(problem, y, image)
        image = self.correct(problem, y, self.draw(z)[0])
        return Found(image, image if first is None else first, asked)


def _adjoint(weight: Tensor) -> Tensor:
    """Return the kernel of the transposed convolution, stride 1."""
    return weight.flip(2, 3).transpose(0, 1).contiguous(memory_format=torch.channels_last)


def _by_channel(values: Tensor, dtype: torch.dtype) -> Tensor:
    return values.to(dtype)[None, :, None, None]


Metric = Callable[[Tensor, Tensor], Tensor]


def squared_errors(problem: Problem, image: Tensor, truth: Tensor) -> Tensor:
    """Return the mean squared error inside the frame, by photo."""
    height, width = problem.frame
    wrong = (image - truth)[:, :, :height, :width]
    return (wrong * wrong).mean(dim=(1, 2, 3))
