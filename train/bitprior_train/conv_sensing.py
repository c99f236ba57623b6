"""The sensing network of deep compressed sensing: seven convolutions and a linear layer."""

from math import prod

from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm

from bitprior_runtime.errors import UsageError
from bitprior_train.fixed_sensing import FixedSensing

SLOPE = 0.1  # of LeakyReLU
_CHANNELS = (64, 64, 128, 128, 256, 256, 512)
_KERNELS = (3, 4, 3, 4, 3, 4, 3)
_STRIDES = (1, 2, 1, 2, 1, 2, 1)
_SHRINKS = prod(_STRIDES)


class ConvSensing(nn.Module):
    """Image -> 7 convolutions with LeakyReLU(0.1), padding SAME -> flatten -> linear to m values.

    Args:
        geometry: (C, H, W) of the image; H and W are multiples of 8, so that SAME pads all sides
            alike.
        width: Factor on the channels 64, 64, 128, 128, 256, 256, 512.
        measurements: m.

    Raises:
        UsageError: Images of another size, or a width that leaves no channel.
    """

    def __init__(self, geometry: tuple[int, int, int], width: float, measurements: int) -> None:
        channels, height, rows = geometry
        if height % _SHRINKS or rows % _SHRINKS:
            raise UsageError(
                f"sides that are multiples of {_SHRINKS} for model.sensing = 'conv'",
                f"{height} x {rows}",
                "set model.sensing = 'mlp', or use another data set",
            )
        if round(_CHANNELS[0] * width) < 1:
            raise UsageError(
                f"a model.sensing_width of at least {1 / _CHANNELS[0]}", f"{width}", "raise it"
            )
        super().__init__()
        layers: list[nn.Module] = []
        for count, kernel, stride in zip(_CHANNELS, _KERNELS, _STRIDES, strict=True):
            outputs = round(count * width)
            # SAME: of a kernel of 3 or 4 that leaves one pixel at each side.
            layers += [nn.Conv2d(channels, outputs, kernel, stride, 1), nn.LeakyReLU(SLOPE)]
            channels = outputs
        pixels = (height // _SHRINKS) * (rows // _SHRINKS)
        layers += [nn.Flatten(), nn.Linear(channels * pixels, measurements)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Return measurements [B, m] of images x [B, C, H, W] in [0, 1]."""
        y: Tensor = self.layers(x * 2 - 1)
        return y


def normalise_spectrally(network: nn.Module) -> None:
    """Divide every weight by its largest singular value, as a matrix of its output channels.

    The norm is estimated by one power iteration whenever :func:`plain_parameters` is asked to;
    its first estimate draws from torch's global generator.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            spectral_norm(layer)


def plain_parameters(network: nn.Module, *, iterate: bool = False) -> dict[str, Tensor]:
    """Return what a network computes with, by the names of torch's own layers.

    Args:
        network: With or without spectral norms.
        iterate: Whether to refine the estimates of the spectral norms first.
    """
    parameters: dict[str, Tensor] = {}
    for name, layer in network.named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            if parametrize.is_parametrized(layer):
                # torch iterates on the norm in training mode whenever the weight is read.
                layer.train(iterate)
            parameters[f"{name}.weight"] = layer.weight
            assert layer.bias is not None
            parameters[f"{name}.bias"] = layer.bias
            layer.eval()
        elif isinstance(layer, FixedSensing):
            parameters["matrix"] = layer.matrix
    return parameters
