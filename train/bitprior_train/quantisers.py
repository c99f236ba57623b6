"""Q_b: the weights' quantisers, built from brevitas, and θ_Q, computed once per training step."""

from types import new_class
from typing import Protocol, cast

import torch
from brevitas.inject.enum import (
    BitWidthImplType,
    QuantType,
    RestrictValueType,
    ScalingImplType,
    ScalingPerOutputType,
    StatsOp,
)
from brevitas.nn import QuantConv2d, QuantConvTranspose2d, QuantLinear
from brevitas.quant.scaled_int import (
    Int8WeightPerChannelFloat,
    Int8WeightPerChannelFloatMSE,
    Int8WeightPerTensorFloat,
    Int8WeightPerTensorFloatMSE,
)
from brevitas.quant.solver import WeightQuantSolver
from torch import Tensor, nn

from bitprior_train.config import QuantiserConfig
from bitprior_train.dcgan import ConvTransposeFactory, conv_transpose
from bitprior_train.generators import LinearFactory

QUANTISED = (QuantLinear, QuantConv2d, QuantConvTranspose2d)


class BinaryMeanAbs(WeightQuantSolver):
    """1 bit: sign(w) * mean |w|, the L2-optimal binary scale; sign(0) = +1."""

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


class HalfZeroPoint(nn.Module):
    """The zero point of the mid-rise grid, -1/2: (q + 1/2) scale, q the integers of the wide one.

    Half a step beside zero on either side, as many levels above as below.
    """

    def __init__(self) -> None:  # brevitas' injector takes no inherited *args
        super().__init__()

    def forward(self, weight: Tensor, scale: Tensor, bit_width: Tensor) -> Tensor:
        """Return -1/2, a scalar."""
        return torch.full((), -0.5, dtype=scale.dtype, device=scale.device)


class Quantiser(Protocol):
    """What :func:`weight_quantiser` reads of a configuration; see ``QuantiserConfig``."""

    @property
    def bits(self) -> int: ...  # noqa: D102
    @property
    def grid(self) -> str: ...  # noqa: D102
    @property
    def scale(self) -> str: ...  # noqa: D102
    @property
    def granularity(self) -> str: ...  # noqa: D102


def weight_quantiser(config: Quantiser) -> type[WeightQuantSolver]:
    """Return the brevitas quantiser of a configuration of 1 to 8 bits."""
    per_channel = config.granularity == "channel"
    learned = config.scale == "learned"
    if config.bits == 1:
        base = BinaryMeanAbs
    else:
        base = Int8WeightPerChannelFloatMSE if per_channel else Int8WeightPerTensorFloatMSE
    attributes: dict[str, object] = {
        "bit_width": config.bits,
        "scaling_per_output_type": (
            ScalingPerOutputType.CHANNEL if per_channel else ScalingPerOutputType.TENSOR
        ),
        "scaling_per_output_channel": per_channel,
        "scaling_impl_type": (
            ScalingImplType.PARAMETER_FROM_STATS if learned else ScalingImplType.STATS
        ),
    }
    if config.bits > 1:
        attributes["narrow_range"] = config.grid == "narrow"
    if config.scale == "max-abs":
        base = Int8WeightPerChannelFloat if per_channel else Int8WeightPerTensorFloat
    if config.grid == "mid-rise":
        attributes["zero_point_impl"] = HalfZeroPoint
    # brevitas reads a quantiser's settings from its class attributes.
    return new_class("WeightQuantiser", (base,), exec_body=lambda body: body.update(attributes))


def linear_factory(config: QuantiserConfig) -> LinearFactory:
    """Return what makes a generator's linear layers: brevitas layers, or torch's at 32 bits."""
    if config.bits == 32:
        return nn.Linear
    quantiser = weight_quantiser(config)

    def linear(fan_in: int, fan_out: int) -> nn.Module:
        return cast(nn.Module, QuantLinear(fan_in, fan_out, bias=True, weight_quant=quantiser))

    return linear


def conv_transpose_factory(config: QuantiserConfig) -> ConvTransposeFactory:
    """Return what makes a generator's transposed convolutions; scales go along weight axis 1."""
    if config.bits == 32:
        return conv_transpose
    quantiser = weight_quantiser(config)

    def layer(inputs: int, outputs: int, kernel: int, stride: int, pad: int) -> nn.Module:
        made = QuantConvTranspose2d(
            inputs, outputs, kernel, stride, pad, bias=False, weight_quant=quantiser
        )
        return cast(nn.Module, made)

    return layer


def quantised_parameters(generator: nn.Module) -> dict[str, Tensor]:
    """θ_Q = Q_b(θ): the generator's weights quantised; biases and batch norms as they are.

    Differentiable with respect to the float weights (straight-through) and learned scales. The
    names are those of the same network made of torch's own layers, to be called with them by
    ``torch.func.functional_call``: the weights are quantised once, however often G is called.
    """
    theta_q: dict[str, Tensor] = {}
    for name, layer in generator.named_modules():
        if isinstance(layer, QUANTISED):
            own = {"weight": layer.quant_weight().value, "bias": layer.bias}
        elif isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            own = {"weight": layer.weight, "bias": layer.bias}
        elif isinstance(layer, nn.BatchNorm2d):
            own = dict(layer.named_parameters()) | dict(layer.named_buffers())
        else:
            continue
        theta_q |= {f"{name}.{key}": value for key, value in own.items() if value is not None}
    return theta_q


def level_histograms(generator: nn.Module) -> dict[str, dict[str, int]]:
    """Return how many entries of each quantised weight lie on each level, by name.

    Levels are named by the integers q of ``tensors.grid_integers``, lowest first: odd ones on the
    mid-rise grid, whose scale is half the step.
    """
    histograms: dict[str, dict[str, int]] = {}
    for name, layer in generator.named_modules():
        if isinstance(layer, QUANTISED):
            with torch.no_grad():
                quantised = layer.quant_weight()
                step = quantised.value / quantised.scale
            # Levels half way between integers are the mid-rise grid's.
            halves = bool((quantised.zero_point == -0.5).all())
            levels, counts = (step * (2 if halves else 1)).round().unique(return_counts=True)
            histograms[f"{name}.weight"] = {
                str(int(q)): int(n) for q, n in zip(levels, counts, strict=True)
            }
    return histograms


def zero_fractions(theta_q: dict[str, Tensor]) -> dict[str, float]:
    """Return the share of exact zeros of each weight, by name."""
    return {
        name: float((w == 0).to(torch.float32).mean())
        for name, w in theta_q.items()
        if name.endswith(".weight") and w.ndim > 1  # those of one axis are batch norms'
    }
