"""A problem to recover images from, and what a method makes of it."""

from dataclasses import dataclass
from math import sqrt
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from bitprior_train.surgery.operators import Operator

# |eta| of the paper's code: 0.1 for 64 x 64, 0.2 for 128 x 128, whatever m is.
NOISE = 0.1
_NOISE_PIXELS = 12288  # 3 x 64 x 64
_NOISE_STREAM = 11


@dataclass(frozen=True, eq=False)
class Problem:
    """y = A x + eta of some images, of which only y and A are known.

    Attributes:
        operator: A.
        y: Measurements [B, m].
    """

    operator: Operator
    y: Tensor


@dataclass(frozen=True, eq=False)
class Recovered:
    """What a method found.

    Attributes:
        images: [B, C, H, W], clamped to [0, 1].
        losses: Measurement loss of each clamped image, mean over m, [B]: what restarts are
            chosen by.
        variables: Numbers that were optimised for an image.
    """

    images: Tensor
    losses: Tensor
    variables: int


class Method(Protocol):
    """A way to recover images.

    Attributes:
        name: As reports call it.
        settings: Its settings, for the record.
    """

    name: str
    settings: dict[str, float | int | str]

    def recover(self, problem: Problem, seed: int, restarts: int) -> Recovered:
        """Recover all images of a problem; of several restarts the one of lowest loss wins."""
        ...


def measure(operator: Operator, images: Tensor, seed: int, noise: float = NOISE) -> Problem:
    """Measure images once; every method and restart gets the same y.

    Noise: N(0, s^2) for each measurement, s = noise sqrt(n / (12288 m)), so that its norm hardly
    depends on m (Generator Surgery's code). Row i has the same noise whatever the number of rows.

    Args:
        operator: A.
        images: [B, C, H, W] in [0, 1].
        seed: Of the noise.
        noise: Norm of the noise for images of 3 x 64 x 64; 0: none.
    """
    m = operator.measurements
    deviation = noise * sqrt(operator.pixels / (_NOISE_PIXELS * m))
    drawn = np.random.default_rng([seed, _NOISE_STREAM]).standard_normal((len(images), m))
    with torch.no_grad():
        return Problem(operator, operator(images) + deviation * torch.from_numpy(drawn).float())


def clamped_loss(problem: Problem, images: Tensor) -> Tensor:
    """Return the mean squared error of the measurements of clamped images, [B]."""
    with torch.no_grad():
        error: Tensor = (problem.operator(images.clamp(0, 1)) - problem.y).square().mean(dim=1)
    return error


def best_restart(several: list[Recovered]) -> Recovered:
    """Return, row by row, the restart of lowest measurement loss."""
    losses = torch.stack([each.losses for each in several])
    images = torch.stack([each.images for each in several])
    winner = losses.argmin(dim=0)
    rows = torch.arange(len(winner))
    return Recovered(images[winner, rows], losses[winner, rows], several[0].variables)
