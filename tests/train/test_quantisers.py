"""Q_b: levels, scales, straight-through gradients, and θ_Q used functionally."""

from itertools import product

import pytest
import torch
from brevitas.core.quant import BinaryQuant, IntQuant, RescalingIntQuant
from brevitas.nn import QuantLinear
from torch import Tensor, nn
from torch.func import functional_call

from bitprior_train.config import QuantiserConfig
from bitprior_train.generators import MLPGenerator
from bitprior_train.quantisers import (
    level_histograms,
    linear_factory,
    quantised_parameters,
    zero_fractions,
)

CONFIGS = [
    QuantiserConfig.model_validate({"bits": b, "grid": g, "scale": s, "granularity": granularity})
    for b, g, s, granularity in [
        *product((1,), ("binary",), ("mean-abs", "learned"), ("channel", "tensor")),
        *product(
            (2, 3, 4), ("wide", "narrow", "mid-rise"), ("learned", "max-abs"), ("channel", "tensor")
        ),
    ]
]
IDS = [f"{c.bits}-{c.grid}-{c.scale}-{c.granularity}" for c in CONFIGS]
every_quantiser = pytest.mark.parametrize("config", CONFIGS, ids=IDS)


def layer(config: QuantiserConfig, fan_in: int = 200, fan_out: int = 6) -> QuantLinear:
    torch.manual_seed(0)
    made = linear_factory(config)(fan_in, fan_out)
    made.weight.data.normal_(0, 0.1)
    return made


def integers(made: QuantLinear) -> Tensor:
    quantised = made.quant_weight()
    return (quantised.value / quantised.scale).detach()


@every_quantiser
def test_every_grid_has_its_levels(config: QuantiserConfig) -> None:
    q = integers(layer(config))
    if config.grid == "mid-rise":
        q = 2 * q
    levels = q.round()
    torch.testing.assert_close(q, levels, rtol=0, atol=1e-5)
    half = 2 ** (config.bits - 1)
    expected = {
        "binary": [-1, 1],
        "wide": list(range(-half, half)),
        "narrow": list(range(1 - half, half)),
        "mid-rise": list(range(1 - 2 * half, 2 * half, 2)),
    }[config.grid]
    found = levels.unique().to(torch.int64).tolist()
    if config.scale == "max-abs":  # the ends of its grid need not be reached
        assert set(found) <= set(expected)
    else:
        assert found == expected


@every_quantiser
def test_scales_are_per_channel_or_per_tensor(config: QuantiserConfig) -> None:
    scale = layer(config).quant_weight().scale
    assert scale.numel() == (6 if config.granularity == "channel" else 1)


@every_quantiser
def test_one_bit_is_never_an_integer_quantiser(config: QuantiserConfig) -> None:
    quantiser = layer(config).weight_quant.tensor_quant
    assert isinstance(quantiser, BinaryQuant if config.bits == 1 else RescalingIntQuant)
    assert any(isinstance(m, IntQuant) for m in quantiser.modules()) == (config.bits > 1)


@pytest.mark.parametrize("scale", ["mean-abs", "learned"])
def test_one_bit_is_the_sign_times_the_mean_magnitude(scale: str) -> None:
    made = layer(QuantiserConfig.model_validate({"bits": 1, "scale": scale}))
    alpha = made.weight.abs().mean(1, keepdim=True)
    torch.testing.assert_close(made.quant_weight().value, made.weight.sign() * alpha)


def test_the_sign_of_zero_is_plus() -> None:
    made = layer(QuantiserConfig(bits=1))
    made.weight.data[:, 0] = 0.0
    assert (made.quant_weight().value[:, 0] > 0).all()


@pytest.mark.parametrize("grid", ["wide", "narrow"])
@pytest.mark.parametrize("bits", [2, 3, 4])
def test_rounding_errs_by_half_a_step_at_most_inside_the_range(bits: int, grid: str) -> None:
    made = layer(QuantiserConfig.model_validate({"bits": bits, "grid": grid}))
    quantised = made.quant_weight()
    low = 1 - 2 ** (bits - 1) if grid == "narrow" else -(2 ** (bits - 1))
    x = made.weight / quantised.scale
    inside = (x >= low) & (x <= 2 ** (bits - 1) - 1)
    error = (quantised.value - made.weight).abs() / quantised.scale
    assert error[inside].max() <= 0.5 + 1e-5


def test_the_narrow_grid_is_odd() -> None:
    made = layer(QuantiserConfig(bits=3, grid="narrow"))
    before = made.quant_weight().value.detach().clone()
    made.weight.data.neg_()
    torch.testing.assert_close(made.quant_weight().value, -before)


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_the_start_of_a_learned_scale_beats_the_largest_weight(bits: int) -> None:
    made = layer(QuantiserConfig(bits=bits))
    error = (made.quant_weight().value - made.weight).square().mean()
    step = made.weight.abs().amax(1, keepdim=True) / 2 ** (bits - 1)
    limits = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    absmax = (made.weight / step).round().clamp(*limits) * step
    assert error < (absmax - made.weight).square().mean()


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_gradients_pass_straight_through_inside_the_range(bits: int) -> None:
    made = layer(QuantiserConfig(bits=bits))
    quantised = made.quant_weight()
    cotangent = torch.randn(quantised.value.shape)
    (gradient,) = torch.autograd.grad((quantised.value * cotangent).sum(), made.weight)
    x = (made.weight / quantised.scale).round()
    inside = (x >= -(2 ** (bits - 1))) & (x <= 2 ** (bits - 1) - 1)
    torch.testing.assert_close(gradient[inside], cotangent[inside])
    assert (gradient[~inside] == 0).all()


def test_gradients_pass_through_the_sign_scaled_by_alpha() -> None:
    made = layer(QuantiserConfig(bits=1, scale="learned"))
    quantised = made.quant_weight()
    cotangent = torch.randn(quantised.value.shape)
    (gradient,) = torch.autograd.grad((quantised.value * cotangent).sum(), made.weight)
    torch.testing.assert_close(gradient, cotangent * quantised.scale)


@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_learned_scales_get_gradients(bits: int) -> None:
    made = layer(QuantiserConfig(bits=bits, scale="learned"))
    made.quant_weight().value.square().sum().backward()
    (scale,) = [p for n, p in made.named_parameters() if "scaling_impl" in n]
    assert scale.grad is not None
    assert (scale.grad != 0).all()


def generator(config: QuantiserConfig) -> MLPGenerator:
    torch.manual_seed(1)
    return MLPGenerator(8, (12, 10), (1, 3, 4), linear_factory(config))


@every_quantiser
def test_weights_quantised_once_give_what_the_brevitas_module_gives(
    config: QuantiserConfig,
) -> None:
    module, twin = generator(config), MLPGenerator(8, (12, 10), (1, 3, 4))
    z = torch.randn(5, 8, requires_grad=True)
    parameters = [*module.parameters(), z]
    theta_q = quantised_parameters(module)
    ours, theirs = functional_call(twin, theta_q, (z,)), module(z)
    torch.testing.assert_close(ours, theirs)
    cotangent = torch.randn(ours.shape)
    for a, b in zip(
        torch.autograd.grad((ours * cotangent).sum(), parameters),
        torch.autograd.grad((theirs * cotangent).sum(), parameters),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


def test_at_32_bits_theta_is_left_as_it_is() -> None:
    module = generator(QuantiserConfig(bits=32))
    assert all(type(m) is not QuantLinear for m in module.modules())
    theta_q = quantised_parameters(module)
    assert theta_q.keys() == dict(module.named_parameters()).keys()
    assert all(theta_q[n] is p for n, p in module.named_parameters())


def test_zero_fractions_count_exact_zeros_of_weights_only() -> None:
    theta_q = {"a.weight": torch.tensor([[0.0, 1.0], [0.0, 0.0]]), "a.bias": torch.zeros(2)}
    assert zero_fractions(theta_q) == {"a.weight": 0.75}


def test_a_float_layer_is_torchs_own() -> None:
    assert linear_factory(QuantiserConfig(bits=32)) is nn.Linear


@pytest.mark.parametrize("granularity", ["channel", "tensor"])
def test_max_abs_puts_the_largest_weight_at_the_end_of_the_grid(granularity: str) -> None:
    made = layer(
        QuantiserConfig.model_validate({"bits": 3, "scale": "max-abs", "granularity": granularity})
    )
    w = made.weight.detach().abs()
    wanted = (w.amax(1) if granularity == "channel" else w.max().reshape(1)) / 4
    torch.testing.assert_close(made.quant_weight().scale.detach().flatten(), wanted)
    made.weight.data *= 2
    torch.testing.assert_close(made.quant_weight().scale.detach().flatten(), 2 * wanted)


def test_the_mid_rise_grid_is_odd() -> None:
    made = layer(QuantiserConfig(bits=2, grid="mid-rise"))
    value = made.quant_weight().value.detach()
    made.weight.data.neg_()
    torch.testing.assert_close(made.quant_weight().value.detach(), -value)
    assert (value != 0).all()


@every_quantiser
def test_histograms_count_every_weight_on_its_level(config: QuantiserConfig) -> None:
    made = layer(config)
    (histogram,) = level_histograms(nn.Sequential(made)).values()
    levels = integers(made) * (2 if config.grid == "mid-rise" else 1)
    assert sum(histogram.values()) == made.weight.numel()
    assert histogram == {
        str(int(q)): int((levels.round() == q).sum()) for q in levels.round().unique()
    }
