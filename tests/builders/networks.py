"""Small torch networks for export: a quantised generator and a float sensing network."""

from typing import Literal

import torch
from brevitas.inject.enum import (
    BitWidthImplType,
    QuantType,
    RestrictValueType,
    ScalingImplType,
    ScalingPerOutputType,
    StatsOp,
)
from brevitas.nn import QuantLinear
from brevitas.quant import Int8WeightPerChannelFloat, Int8WeightPerTensorFloat
from brevitas.quant.solver import WeightQuantSolver
from torch import Tensor, nn

LATENT, HIDDEN, GEOMETRY, MEASUREMENTS = 6, 10, (1, 4, 4), 5
PIXELS = 16

Granularity = Literal["per-tensor", "per-channel"]


class BinaryPerTensor(WeightQuantSolver):
    quant_type = QuantType.BINARY
    bit_width_impl_type = BitWidthImplType.CONST
    bit_width = 1
    narrow_range = True
    signed = True
    zero_point = 0.0
    scaling_impl_type = ScalingImplType.STATS
    scaling_stats_op = StatsOp.AVE
    scaling_min_val = 1e-8
    restrict_scaling_type = RestrictValueType.FP
    scaling_per_output_type = ScalingPerOutputType.TENSOR


class BinaryPerChannel(BinaryPerTensor):
    scaling_per_output_type = ScalingPerOutputType.CHANNEL
    scaling_per_output_channel = True


def linear(
    fan_in: int,
    fan_out: int,
    bits: int = 4,
    narrow: bool = False,
    granularity: Granularity = "per-tensor",
    bias: bool = True,
) -> nn.Module:
    """Return a linear layer of 1 to 8 bits, or torch's own at 32."""
    if bits == 32:
        return nn.Linear(fan_in, fan_out, bias=bias)
    per_channel = granularity == "per-channel"
    if bits == 1:
        quantiser = BinaryPerChannel if per_channel else BinaryPerTensor
        return QuantLinear(fan_in, fan_out, bias=bias, weight_quant=quantiser)
    return QuantLinear(
        fan_in,
        fan_out,
        bias=bias,
        weight_quant=Int8WeightPerChannelFloat if per_channel else Int8WeightPerTensorFloat,
        weight_bit_width=bits,
        weight_narrow_range=narrow,
    )


class Generator(nn.Module):
    """z [B,6] -> x [B,1,4,4] in [0,1]."""

    def __init__(
        self,
        bits: int = 4,
        narrow: bool = False,
        granularity: Granularity = "per-tensor",
        seed: int = 0,
    ) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.first = linear(LATENT, HIDDEN, bits, narrow, granularity)
        self.act = nn.LeakyReLU(0.2)
        self.last = nn.Sequential(linear(HIDDEN, PIXELS, bits, narrow, granularity), nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        x: Tensor = self.last(self.act(self.first(z))) * 0.5 + 0.5
        return x.reshape(z.shape[0], *GEOMETRY)


class Sensing(nn.Module):
    """x [B,1,4,4] in [0,1] -> y [B,5]."""

    def __init__(self, seed: int = 1) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.layers = nn.Sequential(
            nn.Linear(PIXELS, HIDDEN), nn.LeakyReLU(0.2), nn.Linear(HIDDEN, MEASUREMENTS)
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x.flatten(1) * 2 - 1)
        return y


def latents(rows: int = 4, seed: int = 2) -> Tensor:
    """Return N(0, I) latents [rows, 6]."""
    return torch.randn((rows, LATENT), generator=torch.Generator().manual_seed(seed))


def images(rows: int = 4, seed: int = 3) -> Tensor:
    """Return uniform images [rows, 1, 4, 4]."""
    return torch.rand((rows, *GEOMETRY), generator=torch.Generator().manual_seed(seed))
