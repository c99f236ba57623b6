"""Generators: networks G that turn a latent z into an image in [0, 1]."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import prod

from torch import Tensor, nn

LinearFactory = Callable[[int, int], nn.Module]
SLOPE = 0.2  # of LeakyReLU, TensorFlow's default in deep compressed sensing


class MLPGenerator(nn.Module):
    """k -> hidden -> n perceptron, LeakyReLU between layers, tanh at the end, mapped to [0, 1].

    Args:
        latent: k.
        hidden: Widths of the hidden layers.
        geometry: (C, H, W) of the image.
        linear: Makes a linear layer from its input and output width.
    """

    def __init__(
        self,
        latent: int,
        hidden: Sequence[int],
        geometry: tuple[int, int, int],
        linear: LinearFactory = nn.Linear,
    ) -> None:
        super().__init__()
        self.geometry = geometry
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise((latent, *hidden, prod(geometry))):
            layers += [linear(fan_in, fan_out), nn.LeakyReLU(SLOPE)]
        self.layers = nn.Sequential(*layers[:-1], nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        """Return images [B, C, H, W] in [0, 1] of latents z [B, k]."""
        x: Tensor = self.layers(z) * 0.5 + 0.5
        return x.reshape(-1, *self.geometry)
