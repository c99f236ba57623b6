"""What a prior's generator is built of: float layers, or quantised ones of the same shapes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from brevitas.nn import QuantConv2d, QuantLinear
from torch import nn

from bitprior_train.config import QuantiserConfig
from bitprior_train.dcgan import ConvTransposeFactory
from bitprior_train.quantisers import conv_transpose_factory, weight_quantiser


@dataclass(frozen=True)
class Layers:
    """Makers of a generator's layers.

    Attributes:
        linear: From width in, width out and whether there is a bias.
        conv: A 3 x 3 convolution with padding 1, from channels in, channels out and bias.
        conv_transpose: See :data:`~bitprior_train.dcgan.ConvTransposeFactory`.
    """

    linear: Callable[[int, int, bool], nn.Module]
    conv: Callable[[int, int, bool], nn.Module]
    conv_transpose: ConvTransposeFactory


def make_layers(config: QuantiserConfig) -> Layers:
    """Return makers of layers of a bit width; torch's own at 32 bits."""
    return Layers(_linear(config), _conv(config), conv_transpose_factory(config))


def _linear(config: QuantiserConfig) -> Callable[[int, int, bool], nn.Module]:
    if config.bits == 32:
        return lambda fan_in, fan_out, bias: nn.Linear(fan_in, fan_out, bias=bias)
    quantiser = weight_quantiser(config)

    def linear(fan_in: int, fan_out: int, bias: bool) -> nn.Module:
        return cast(nn.Module, QuantLinear(fan_in, fan_out, bias=bias, weight_quant=quantiser))

    return linear


def _conv(config: QuantiserConfig) -> Callable[[int, int, bool], nn.Module]:
    if config.bits == 32:
        return conv3x3
    quantiser = weight_quantiser(config)

    def conv(inputs: int, outputs: int, bias: bool) -> nn.Module:
        made = QuantConv2d(inputs, outputs, 3, padding=1, bias=bias, weight_quant=quantiser)
        return cast(nn.Module, made)

    return conv


def conv3x3(inputs: int, outputs: int, bias: bool, stride: int = 1) -> nn.Module:
    """Return torch's own 3 x 3 convolution with padding 1."""
    return nn.Conv2d(inputs, outputs, 3, stride, 1, bias=bias)
