"""The networks of a photo prior: generator, penalty, start, and the schedule of the search.

A latent z is a stack of maps at half the resolution of the photo.

    G(z) = mean + DepthToSpace(D z + G2 relu(G1 z))
    penalty: its gradient is K1^T (s * relu(K1 z + b)), with s and b of each step
    start: z0 = S u + E2 relu(E1 u), of u = [linear estimate - mean; its standard deviation]
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from brevitas.nn import QuantConv2d
from torch import Tensor, nn
from torch.nn import functional

from bitprior_train.photo.config import PhotoModelConfig, PhotoQuantiserConfig
from bitprior_train.quantisers import weight_quantiser

STRIDE = 2
FEATURES = 3  # of the problem: 1, how much the measurements leave open, and how noisy they are
_EDGE = STRIDE * STRIDE


class Generator(nn.Module):
    """G: latent maps [B,C,h,w] to an image [B,1,2h,2w]."""

    def __init__(
        self,
        channels: int,
        mean: float,
        inner: "ConvFactory",
        edge: "ConvFactory",
        linear: "ConvFactory",
    ) -> None:
        super().__init__()
        self.mean = mean
        self.linear = linear(channels, _EDGE, 1, 1, 0, False)
        self.hidden = inner(channels, channels, 3, 1, 1, True)
        self.residual = edge(channels, _EDGE, 3, 1, 1, False)

    def forward(self, z: Tensor) -> Tensor:
        """Return G(z)."""
        maps = self.linear(z) + self.residual(torch.relu(self.hidden(z)))
        return functional.pixel_shuffle(maps, STRIDE) + self.mean


class Start(nn.Module):
    """z0 from the linear estimate and its standard deviation, [B,2,H,W]."""

    def __init__(
        self, channels: int, inner: "ConvFactory", edge: "ConvFactory", linear: "ConvFactory"
    ) -> None:
        super().__init__()
        self.skip = linear(2, channels, 2, 2, 0, False)
        self.first = edge(2, channels, 6, 2, 2, True)
        self.second = inner(channels, channels, 3, 1, 1, False)

    def forward(self, u: Tensor) -> Tensor:
        """Return z0."""
        return cast(Tensor, self.skip(u) + self.second(torch.relu(self.first(u))))


class Schedule(nn.Module):
    """What each step of the search uses; every entry is linear in the features of the problem.

    Attributes:
        step_size: alpha, by channel.
        momentum: beta.
        adjoint: Weight of the pseudo-inverse of the residual.
        estimate: Weight of the residual's linear estimate.
        shrinkage: gamma, by channel, of the penalty's gradient.
        strength: Its factor by feature.
        slope: s, by channel of the penalty.
        threshold: b, by channel of the penalty.
        correction: Weight of the linear estimate of the last residual, added to the image.
    """

    def __init__(self, steps: int, channels: int) -> None:
        super().__init__()
        self.step_size = nn.Parameter(torch.full((steps, channels), 1.0))
        self.momentum = nn.Parameter(torch.full((steps,), 0.3))
        self.adjoint = nn.Parameter(_constant(steps, 0.5))
        self.estimate = nn.Parameter(_constant(steps, 0.5))
        self.shrinkage = nn.Parameter(torch.full((steps, channels), 0.1))
        self.strength = nn.Parameter(_constant(steps, 1.0))
        self.slope = nn.Parameter(_constant(steps, 1.0)[:, None].repeat(1, channels, 1))
        self.threshold = nn.Parameter(torch.zeros(steps, channels, FEATURES))
        self.correction = nn.Parameter(_constant(1, 1.0)[0])


def _constant(steps: int, value: float) -> Tensor:
    found = torch.zeros(steps, FEATURES)
    found[:, 0] = value
    return found


# From channels in and out, side of the kernel, stride, padding, and whether there is a bias.
ConvFactory = Callable[[int, int, int, int, int, bool], nn.Conv2d]


def conv_factory(bits: int) -> ConvFactory:
    """Return what makes convolutions of a bit width, see :data:`ConvFactory`."""

    def plain(i: int, o: int, kernel: int, stride: int, pad: int, bias: bool) -> nn.Conv2d:
        return nn.Conv2d(i, o, kernel, stride, pad, bias=bias)

    if bits == 32:
        return plain
    quantiser = weight_quantiser(PhotoQuantiserConfig.of(bits))

    def quantised(i: int, o: int, kernel: int, stride: int, pad: int, bias: bool) -> nn.Conv2d:
        made = QuantConv2d(i, o, kernel, stride, padding=pad, bias=bias, weight_quant=quantiser)
        return cast(nn.Conv2d, made)

    return quantised


class PhotoNetworks(nn.Module):
    """All that is trained of a photo prior."""

    def __init__(self, model: PhotoModelConfig, mean: float) -> None:
        super().__init__()
        inner, edge, linear = (
            conv_factory(b) for b in (model.bits, model.edge_bits, model.linear_bits)
        )
        self.model = model
        self.generator = Generator(model.channels, mean, inner, edge, linear)
        self.penalty = inner(model.channels, model.channels, 3, 1, 1, False)
        self.start = Start(model.channels, inner, edge, linear)
        self.schedule = Schedule(model.steps, model.channels)
        self._initialise()

    def _initialise(self) -> None:
        """The start and the generator begin as the linear estimate and its way back."""
        with torch.no_grad():
            identity = torch.zeros_like(self.generator.linear.weight)
            skip = torch.zeros_like(self.start.skip.weight)
            for part in range(_EDGE):
                identity[part, part] = 1
                skip[part, 0, part // STRIDE, part % STRIDE] = 1
            self.generator.linear.weight.copy_(identity)
            self.start.skip.weight.copy_(skip)
            self.generator.residual.weight.mul_(0.1)
            self.start.second.weight.mul_(0.3)
            for layer in (self.generator.hidden, self.start.first):
                _bias(layer).zero_()

    def weights(self) -> "Weights":
        """Return theta_Q: all convolutions' weights, quantised once."""
        return Weights(
            hidden=_quantised(self.generator.hidden),
            residual=_quantised(self.generator.residual),
            linear=_quantised(self.generator.linear),
            penalty=_quantised(self.penalty),
            skip=_quantised(self.start.skip),
            first=_quantised(self.start.first),
            second=_quantised(self.start.second),
            hidden_bias=_bias(self.generator.hidden),
            first_bias=_bias(self.start.first),
        )


@dataclass(frozen=True)
class Weights:
    """Weights as the search uses them."""

    hidden: Tensor
    residual: Tensor
    linear: Tensor
    penalty: Tensor
    skip: Tensor
    first: Tensor
    second: Tensor
    hidden_bias: Tensor
    first_bias: Tensor


def _quantised(layer: nn.Conv2d) -> Tensor:
    if isinstance(layer, QuantConv2d):
        return cast(Tensor, layer.quant_weight().value)
    return layer.weight


def _bias(layer: nn.Conv2d) -> Tensor:
    assert layer.bias is not None
    return layer.bias
