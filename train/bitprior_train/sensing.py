"""Sensing networks: A turns an image in [0, 1] into m measurements."""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from torch import Tensor, nn

from bitprior_train.generators import SLOPE


class MLPSensing(nn.Module):
    """n -> hidden -> m perceptron, LeakyReLU between layers, linear at the end; always float.

    Args:
        geometry: (C, H, W) of the image.
        hidden: Widths of the hidden layers.
        measurements: m.
    """

    def __init__(
        self, geometry: tuple[int, int, int], hidden: Sequence[int], measurements: int
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise((prod(geometry), *hidden, measurements)):
            layers += [nn.Linear(fan_in, fan_out), nn.LeakyReLU(SLOPE)]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor) -> Tensor:
        """Return measurements [B, m] of images x [B, C, H, W] in [0, 1]."""
        # The networks of the literature see [-1, 1]; inside, so that no caller maps ranges.
        y: Tensor = self.layers(x.flatten(1) * 2 - 1)
        return y
