"""The networks of a linear-residual prior, and their start at the principal components."""

from typing import cast

import torch
from brevitas.nn import QuantConv2d, QuantConvTranspose2d, QuantLinear
from torch import Tensor, nn

from bitprior_train.baselines import PrincipalComponents
from bitprior_train.photo.config import PhotoQuantiserConfig
from bitprior_train.quantisers import weight_quantiser
from bitprior_train.residual.config import ResidualModelConfig, ResidualQuantiserConfig

Geometry = tuple[int, int, int]
_SECOND = 0.3  # of He's weights: a block begins near the identity


class Block(nn.Module):
    """x + conv(relu(conv(relu(x)))), of 3 x 3 convolutions."""

    def __init__(self, filters: int, quantiser: PhotoQuantiserConfig | None) -> None:
        super().__init__()
        self.first = _conv(filters, filters, 3, 1, 1, quantiser)
        self.second = _conv(filters, filters, 3, 1, 1, quantiser)
        self.enter, self.between = nn.ReLU(), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Return maps of the same shape."""
        return cast(Tensor, x + self.second(self.between(self.first(self.enter(x)))))


class Residual(nn.Module):
    """R: a fully convolutional network at a fraction of the image's resolution."""

    def __init__(
        self, model: ResidualModelConfig, channels: int, quantiser: ResidualQuantiserConfig
    ) -> None:
        super().__init__()
        kernel, stride, pad = 2 * model.stride, model.stride, model.stride // 2
        inner, edge = quantiser.of("inner"), quantiser.of("edge")
        self.head = _conv(channels, model.filters, kernel, stride, pad, edge)
        self.blocks = nn.Sequential(*(Block(model.filters, inner) for _ in range(model.blocks)))
        self.leave = nn.ReLU()
        self.tail = _conv_transpose(model.filters, channels, kernel, stride, pad, edge)

    def forward(self, x: Tensor) -> Tensor:
        """Return what is added to images x [B,C,H,W]."""
        return cast(Tensor, self.tail(self.leave(self.blocks(self.head(x)))))

    def inner(self) -> list[nn.Module]:
        """Return the convolutions of the blocks, first and second by turns."""
        return [
            layer
            for block in self.blocks
            if isinstance(block, Block)
            for layer in (block.first, block.second)
        ]


class LinearResidual(nn.Module):
    """G(z) = x + R(x) with x = mean + D z.

    Args:
        model: Sizes.
        geometry: (C, H, W) of the images.
        quantiser: Bits of the weights.
        low: Whether R is worked out in bfloat16; never when it is exported.
    """

    def __init__(
        self,
        model: ResidualModelConfig,
        geometry: Geometry,
        quantiser: ResidualQuantiserConfig,
        low: bool = False,
    ) -> None:
        super().__init__()
        c, h, w = geometry
        self.geometry, self.low = geometry, low
        self.linear = _linear(model.measurements, c * h * w, quantiser.of("linear"))
        self.residual = Residual(model, c, quantiser)

    def forward(self, z: Tensor) -> Tensor:
        """Return images [B,C,H,W] of latents z [B,k]."""
        x: Tensor = self.linear(z).reshape(-1, *self.geometry)
        if not self.low:
            return cast(Tensor, x + self.residual(x))
        with torch.autocast(x.device.type, torch.bfloat16):
            added = self.residual(x.contiguous(memory_format=torch.channels_last))
        return cast(Tensor, x + added.float())


class Sensing(nn.Module):
    """A (x - mean), as one affine map: y [B,m] of images [B,C,H,W]."""

    def __init__(self, measurements: int, geometry: Geometry) -> None:
        super().__init__()
        c, h, w = geometry
        self.flatten = nn.Flatten()
        self.map = nn.Linear(c * h * w, measurements)

    def forward(self, x: Tensor) -> Tensor:
        """Return y."""
        return cast(Tensor, self.map(self.flatten(x)))


class ResidualNetworks(nn.Module):
    """All that is trained: the generator and the sensing map."""

    def __init__(
        self,
        model: ResidualModelConfig,
        geometry: Geometry,
        quantiser: ResidualQuantiserConfig,
        low: bool = False,
    ) -> None:
        super().__init__()
        self.generator = LinearResidual(model, geometry, quantiser, low)
        self.sensing = Sensing(model.measurements, geometry)

    def start_at(self, pca: PrincipalComponents) -> None:
        """Begin as m principal components: z = y is their coefficient, and R adds nothing."""
        mean, rows = (torch.from_numpy(a).to(torch.float32) for a in (pca.mean, pca.components))
        linear, sensing = self.generator.linear, self.sensing.map
        residual = self.generator.residual
        with torch.no_grad():
            for parameter, value in (
                (weight_of(linear), rows.T),
                (bias_of(linear), mean),
                (sensing.weight, rows),
                (sensing.bias, -rows @ mean),
            ):
                parameter.copy_(value)
            weight_of(residual.tail).zero_()
            bias_of(residual.tail).zero_()
            for layer in residual.inner()[1::2]:
                weight_of(layer).mul_(_SECOND)

    def settle(self) -> None:
        """Let learned scales take their start from the weights, which they do at the first use."""
        size = self.sensing.map.out_features
        with torch.no_grad():
            self.generator(torch.zeros(2, size, device=self.sensing.map.weight.device))


def weight_bits(generator: LinearResidual) -> dict[str, tuple[int, int]]:
    """Return how many weights each part of a generator has, and of how many bits: D, edges, R."""
    residual = generator.residual
    parts = {
        "linear": [generator.linear],
        "edges": [residual.head, residual.tail],
        "residual": residual.inner(),
    }
    found = {}
    for name, layers in parts.items():
        bits = {_bits(layer) for layer in layers}
        assert len(bits) == 1
        found[name] = (sum(weight_of(layer).numel() for layer in layers), bits.pop())
    return found


def weight_of(layer: nn.Module) -> Tensor:
    """Return the float weight of a layer."""
    return cast(Tensor, layer.weight)


def bias_of(layer: nn.Module) -> Tensor:
    """Return the bias of a layer that has one."""
    return cast(Tensor, layer.bias)


def mean_bits(generator: LinearResidual) -> float:
    """Return the mean bits of a generator's weights."""
    parts = weight_bits(generator).values()
    return sum(count * bits for count, bits in parts) / sum(count for count, _ in parts)


def _bits(layer: nn.Module) -> int:
    if not isinstance(layer, QuantLinear | QuantConv2d | QuantConvTranspose2d):
        return 32
    with torch.no_grad():
        return int(layer.quant_weight().bit_width)


def _linear(inputs: int, outputs: int, quantiser: PhotoQuantiserConfig | None) -> nn.Module:
    if quantiser is None:
        return nn.Linear(inputs, outputs)
    made = QuantLinear(inputs, outputs, bias=True, weight_quant=weight_quantiser(quantiser))
    return cast(nn.Module, made)


def _conv(
    i: int, o: int, kernel: int, stride: int, pad: int, quantiser: PhotoQuantiserConfig | None
) -> nn.Module:
    if quantiser is None:
        return nn.Conv2d(i, o, kernel, stride, pad)
    weights = weight_quantiser(quantiser)
    made = QuantConv2d(i, o, kernel, stride, padding=pad, bias=True, weight_quant=weights)
    return cast(nn.Module, made)


def _conv_transpose(
    i: int, o: int, kernel: int, stride: int, pad: int, quantiser: PhotoQuantiserConfig | None
) -> nn.Module:
    if quantiser is None:
        return nn.ConvTranspose2d(i, o, kernel, stride, pad)
    weights = weight_quantiser(quantiser)
    made = QuantConvTranspose2d(i, o, kernel, stride, padding=pad, bias=True, weight_quant=weights)
    return cast(nn.Module, made)
