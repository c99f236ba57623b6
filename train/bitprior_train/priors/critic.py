"""The DCGAN's discriminator."""

from torch import Tensor, nn

_SLOPE = 0.2


class DCGANCritic(nn.Module):
    """4 x 4 convolutions of stride 2 with batch norm and LeakyReLU(0.2), down to one logit.

    f, 2f, 4f and 8f channels for images of 64 x 64; no batch norm after the first, no biases.

    Args:
        filters: f.
    """

    def __init__(self, filters: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, filters, 4, 2, 1, bias=False)]
        layers += [nn.LeakyReLU(_SLOPE)]
        for multiple in (1, 2, 4):
            inputs, outputs = multiple * filters, 2 * multiple * filters
            layers += [nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False)]
            layers += [nn.BatchNorm2d(outputs), nn.LeakyReLU(_SLOPE)]
        layers += [nn.Conv2d(8 * filters, 1, 4, 1, 0, bias=False), nn.Flatten(0)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits [B] of "real" for images x [B, 3, 64, 64] in [0, 1]."""
        logits: Tensor = self.layers(2 * x - 1)
        return logits
