"""The VAE: its decoder, which is the prior, and the encoder it is trained with."""

from itertools import pairwise
from math import log2

from torch import Tensor, nn

from bitprior_train.config import QuantiserConfig
from bitprior_train.priors.began import check_size
from bitprior_train.priors.layers import conv3x3, make_layers

_FIRST = 4  # side of the first map
_SLOPE = 0.01  # of LeakyReLU, torch's default


def _channels(filters: int, size: int) -> list[int]:
    """Return the channels of the decoder's maps, from 4 x 4 on."""
    doublings = int(log2(size // _FIRST))
    return [filters * 2**power for power in range(doublings - 1, 0, -1)] + [filters, filters]


class VAEDecoder(nn.Module):
    """k -> 16f x 4 x 4; then up-sampling, 3 x 3 convolution, batch norm, LeakyReLU a doubling.

    A last 3 x 3 convolution and a sigmoid give images in [0, 1]. For images of 128 x 128 with
    k = 512 and f = 128 the maps have 2048, 1024, 512, 256, 128 and 128 channels; for 64 x 64 the
    first of them is left out.

    Args:
        latent: k.
        filters: f.
        size: Side of the images, 64 or 128.
        quantiser: Of the weights; None: 32 bits.
    """

    def __init__(
        self, latent: int, filters: int, size: int, quantiser: QuantiserConfig | None = None
    ) -> None:
        check_size(size, "vae")
        super().__init__()
        layers = make_layers(quantiser or QuantiserConfig())
        channels = _channels(filters, size)
        self.first = channels[0]
        self.map = layers.linear(latent, channels[0] * _FIRST**2, True)
        stages: list[nn.Module] = []
        for inputs, outputs in pairwise(channels):
            stages += [nn.Upsample(scale_factor=2, mode="nearest")]
            stages += [layers.conv(inputs, outputs, True)]
            stages += [nn.BatchNorm2d(outputs), nn.LeakyReLU(_SLOPE)]
        self.stages = nn.Sequential(*stages)
        self.image = nn.Sequential(layers.conv(channels[-1], 3, True), nn.Sigmoid())

    def forward(self, z: Tensor) -> Tensor:
        """Return images [B, 3, H, W] in [0, 1] of latents z [B, k]."""
        maps = self.map(z).reshape(-1, self.first, _FIRST, _FIRST)
        image: Tensor = self.image(self.stages(maps))
        return image


class VAEEncoder(nn.Module):
    """3 x 3 convolutions of stride 2 with batch norm and LeakyReLU, and two linear heads.

    With f = 128 and images of 128 x 128 they have 128, 256, 512, 1024 and 2048 channels.

    Args:
        latent: k.
        filters: f.
        size: Side of the images, 64 or 128.
    """

    def __init__(self, latent: int, filters: int, size: int) -> None:
        check_size(size, "vae")
        super().__init__()
        channels = [3, *(filters * 2**power for power in range(int(log2(size // _FIRST))))]
        convolutions: list[nn.Module] = []
        for inputs, outputs in pairwise(channels):
            convolutions += [conv3x3(inputs, outputs, True, 2)]
            convolutions += [nn.BatchNorm2d(outputs), nn.LeakyReLU(_SLOPE)]
        self.convolutions = nn.Sequential(*convolutions, nn.Flatten())
        self.mean = nn.Linear(channels[-1] * _FIRST**2, latent)
        self.log_variance = nn.Linear(channels[-1] * _FIRST**2, latent)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance, [B, k] each, of the latents of images [B, 3, H, W]."""
        features = self.convolutions(x)
        return self.mean(features), self.log_variance(features)
