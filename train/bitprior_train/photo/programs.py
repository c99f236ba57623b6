"""The three programs of a photo prior as modules from flat inputs, as export takes them."""

import copy
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from bitprior_train.photo.networks import STRIDE, PhotoNetworks

# Side of the frame of the exported programs; any other follows from it. That of wide priors is
# smaller: golden cases hold whole latents, and the file is to stay small.
_NATIVE, _NATIVE_OF_WIDE, _WIDE = 8, 4, 80


def native_side(networks: PhotoNetworks) -> int:
    """Return the side in pixels of the exported programs' frame."""
    return _NATIVE if networks.model.channels < _WIDE else _NATIVE_OF_WIDE


class GeneratorProgram(nn.Module):
    """G: z [B, C * h * w] to an image [B,1,H,W] of the native frame.

    The mean of photos is the bias of the linear synthesis.

    Args:
        networks: The prior; its layers but the linear one are shared.
    """

    def __init__(self, networks: PhotoNetworks) -> None:
        super().__init__()
        generator = networks.generator
        self.linear = copy.deepcopy(generator.linear)
        self.linear.bias = nn.Parameter(torch.full((STRIDE * STRIDE,), generator.mean))
        self.hidden, self.residual = generator.hidden, generator.residual
        self._maps = _maps(networks)

    def forward(self, z: Tensor) -> Tensor:
        """Return G(z)."""
        maps = z.reshape(-1, *self._maps)
        drawn = self.linear(maps) + self.residual(torch.relu(self.hidden(maps)))
        return functional.pixel_shuffle(drawn, STRIDE)


class StartProgram(nn.Module):
    """The start: u [B, 2 * H * W], linear estimate - mean and deviation, to maps [B,C,h,w].

    Args:
        networks: The prior; its layers are shared.
    """

    def __init__(self, networks: PhotoNetworks) -> None:
        super().__init__()
        start = networks.start
        self.skip, self.first, self.second = start.skip, start.first, start.second
        self._side = native_side(networks)

    def forward(self, u: Tensor) -> Tensor:
        """Return z0."""
        maps = u.reshape(-1, 2, self._side, self._side)
        return cast(Tensor, self.skip(maps) + self.second(torch.relu(self.first(maps))))


class PenaltyProgram(nn.Module):
    """K1: z [B, C * h * w] to maps [B,P,h,w].

    Args:
        networks: The prior; its layer is shared.
    """

    def __init__(self, networks: PhotoNetworks) -> None:
        super().__init__()
        self.penalty = networks.penalty
        self._maps = _maps(networks)

    def forward(self, z: Tensor) -> Tensor:
        """Return K1 z."""
        return cast(Tensor, self.penalty(z.reshape(-1, *self._maps)))


def _maps(networks: PhotoNetworks) -> tuple[int, int, int]:
    side = native_side(networks) // STRIDE
    return networks.model.channels, side, side
