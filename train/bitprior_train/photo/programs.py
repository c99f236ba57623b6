"""The three programs of a photo prior as modules from flat inputs, as export takes them."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from bitprior_train.photo.networks import STRIDE, PhotoNetworks

# Frame of the exported programs; any other follows from it.
NATIVE = 8
_MAPS = NATIVE // STRIDE


class GeneratorProgram(nn.Module):
    """G: z [B, C * h * w] to an image [B,1,H,W] of the native frame.

    Args:
        networks: The prior; its layers are shared.
    """

    def __init__(self, networks: PhotoNetworks) -> None:
        super().__init__()
        generator = networks.generator
        self.linear, self.hidden = generator.linear, generator.hidden
        self.residual = generator.residual
        self._mean, self._channels = generator.mean, networks.model.channels

    def forward(self, z: Tensor) -> Tensor:
        """Return G(z)."""
        maps = z.reshape(-1, self._channels, _MAPS, _MAPS)
        drawn = self.linear(maps) + self.residual(torch.relu(self.hidden(maps)))
        return functional.pixel_shuffle(drawn, STRIDE) + self._mean


class StartProgram(nn.Module):
    """The start: u [B, 2 * H * W], linear estimate - mean and deviation, to maps [B,C,h,w].

    Args:
        networks: The prior; its layers are shared.
    """

    def __init__(self, networks: PhotoNetworks) -> None:
        super().__init__()
        start = networks.start
        self.skip, self.first, self.second = start.skip, start.first, start.second

    def forward(self, u: Tensor) -> Tensor:
        """Return z0."""
        maps = u.reshape(-1, 2, NATIVE, NATIVE)
        return cast(Tensor, self.skip(maps) + self.second(torch.relu(self.first(maps))))


class PenaltyProgram(nn.Module):
    """K1: z [B, C * h * w] to maps [B,P,h,w].

    Args:
        networks: The prior; its layer is shared.
    """

    def __init__(self, networks: PhotoNetworks) -> None:
        super().__init__()
        self.penalty = networks.penalty
        self._channels = networks.model.channels

    def forward(self, z: Tensor) -> Tensor:
        """Return K1 z."""
        return cast(Tensor, self.penalty(z.reshape(-1, self._channels, _MAPS, _MAPS)))
