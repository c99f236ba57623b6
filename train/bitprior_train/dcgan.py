"""The DCGAN of 32 x 32 or 64 x 64 images, all of whose weights are transposed convolutions."""

from collections.abc import Callable

from torch import Tensor, nn

from bitprior_runtime.errors import UsageError

# Channels of the layers before the last, as multiples of f, by side of the images.
_MULTIPLES = {32: (4, 2, 1), 64: (8, 4, 2, 1)}
_KERNEL = 4
# The 1 x 1 latent becomes 4 x 4; then each layer doubles the side.
_FIRST = (1, 0)
_DOUBLING = (2, 1)

# Makes a transposed convolution without bias from: channels in, channels out, kernel, stride, pad.
ConvTransposeFactory = Callable[[int, int, int, int, int], nn.Module]


def conv_transpose(inputs: int, outputs: int, kernel: int, stride: int, pad: int) -> nn.Module:
    """Return torch's own float layer."""
    return nn.ConvTranspose2d(inputs, outputs, kernel, stride, pad, bias=False)


class DCGANGenerator(nn.Module):
    """k -> 4f x 4 x 4 -> 2f x 8 x 8 -> f x 16 x 16 -> C x 32 x 32; tanh, mapped to [0, 1].

    4 x 4 transposed convolutions without biases; batch norm and ReLU after all but the last. With
    k = 100, f = 64, C = 3: 1,068,032 weights and 896 parameters of batch norms. Images of 64 x 64
    have one more layer, 8f x 4 x 4, in front: 3,574,784 weights and 1,920 parameters.

    Batch norms are meant to run on their running statistics in training, too (see
    ``learner.Learner``): z is normalised to what the prior was trained with, not to its batch.

    Args:
        latent: k.
        filters: f, channels before the last layer.
        geometry: (C, 32, 32) or (C, 64, 64).
        layer: Makes a transposed convolution.

    Raises:
        UsageError: Images of another size.
    """

    def __init__(
        self,
        latent: int,
        filters: int,
        geometry: tuple[int, int, int],
        layer: ConvTransposeFactory = conv_transpose,
    ) -> None:
        if geometry[1] != geometry[2] or geometry[1] not in _MULTIPLES:
            raise UsageError(
                "images of 32 x 32 or 64 x 64 pixels for model.generator = 'dcgan'",
                f"{geometry[1]} x {geometry[2]}",
                "set model.generator = 'mlp', or use another data set",
            )
        super().__init__()
        self.latent = latent
        layers: list[nn.Module] = []
        inputs = latent
        for index, multiple in enumerate(_MULTIPLES[geometry[1]]):
            outputs, (stride, pad) = multiple * filters, _DOUBLING if index else _FIRST
            layers += [layer(inputs, outputs, _KERNEL, stride, pad)]
            layers += [nn.BatchNorm2d(outputs), nn.ReLU()]
            inputs = outputs
        layers += [layer(inputs, geometry[0], _KERNEL, *_DOUBLING), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        """Return images [B, C, H, W] in [0, 1] of latents z [B, k]."""
        x: Tensor = self.layers(z.reshape(-1, self.latent, 1, 1)) * 0.5 + 0.5
        return x
