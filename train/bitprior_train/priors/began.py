"""BEGAN: its generator with skip connections, and the auto-encoder that judges it."""

from math import log2

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from bitprior_runtime.errors import UsageError
from bitprior_train.config import QuantiserConfig
from bitprior_train.priors.layers import Layers, conv3x3, make_layers

_FIRST = 8  # side of the first map, h0


def check_size(size: int, prior: str) -> None:
    """Refuse images of another size than 64 x 64 or 128 x 128.

    Raises:
        UsageError: Another size.
    """
    if size not in (64, 128):
        raise UsageError(
            f"images of 64 x 64 or 128 x 128 pixels for prior {prior!r}",
            f"{size} x {size}",
            "use another data set, or set data.size",
        )


class BEGANGenerator(nn.Module):
    """k -> h0 [f, 8, 8]; then up-sampling and two 3 x 3 convolutions with ELU a doubling.

    To the features of every doubling but the first, h0, up-sampled to the same side, is joined.
    No biases, no batch norms; an ELU also at the end, so images lie in (-1, inf), nominally in
    [0, 1]. With k = 64, f = 128 and images of 128 x 128: 2,149,760 weights.

    Args:
        latent: k.
        filters: f.
        size: Side of the images, 64 or 128.
        quantiser: Of the weights; None: 32 bits.
    """

    def __init__(
        self, latent: int, filters: int, size: int, quantiser: QuantiserConfig | None = None
    ) -> None:
        check_size(size, "began")
        super().__init__()
        layers = make_layers(quantiser or QuantiserConfig())
        self.filters = filters
        self.map = layers.linear(latent, filters * _FIRST**2, False)
        doublings = int(log2(size // _FIRST))
        self.stages = nn.ModuleList(
            _Stage(layers, filters * (2 if index else 1), filters) for index in range(doublings)
        )
        self.image = nn.Sequential(layers.conv(filters, 3, False), nn.ELU())

    def forward(self, z: Tensor) -> Tensor:
        """Return images [B, 3, H, W] of latents z [B, k]."""
        h0 = self.map(z).reshape(-1, self.filters, _FIRST, _FIRST)
        features = h0
        for index, stage in enumerate(self.stages):
            features = interpolate(features, scale_factor=2.0, mode="nearest")
            if index:
                # Up-sampled like what it joins, not before: an exporter would take h0 at twice its
                # side for the first up-sampling's own result, and a cut behind that would tie them.
                skip = interpolate(h0, scale_factor=float(2 ** (index + 1)), mode="nearest")
                features = torch.cat((features, skip), dim=1)
            features = stage(features)
        image: Tensor = self.image(features)
        return image


class _Stage(nn.Sequential):
    def __init__(self, layers: Layers, inputs: int, filters: int) -> None:
        super().__init__(
            layers.conv(inputs, filters, False),
            nn.ELU(),
            layers.conv(filters, filters, False),
            nn.ELU(),
        )


class BEGANCritic(nn.Module):
    """An auto-encoder: 3 x 3 convolutions, a code of k values, and a generator as its decoder.

    With f = 128 and images of 128 x 128 the convolutions have 128, 128, 256, 256, 384, 384, 512,
    512 and 640 channels, every second one stride 2.

    Args:
        latent: k.
        filters: f.
        size: Side of the images, 64 or 128.
    """

    def __init__(self, latent: int, filters: int, size: int) -> None:
        check_size(size, "began")
        super().__init__()
        halvings = int(log2(size // _FIRST))
        encoder: list[nn.Module] = []
        inputs = 3
        for index in range(2 * halvings + 1):
            outputs = filters * (index // 2 + 1)
            encoder += [conv3x3(inputs, outputs, True, 1 + index % 2), nn.ELU()]
            inputs = outputs
        encoder += [nn.Flatten(), nn.Linear(inputs * _FIRST**2, latent)]
        self.encoder = nn.Sequential(*encoder)
        self.decoder = BEGANGenerator(latent, filters, size)

    def forward(self, x: Tensor) -> Tensor:
        """Return the images that the auto-encoder makes of x [B, 3, H, W]."""
        decoded: Tensor = self.decoder(self.encoder(x))
        return decoded
