"""One step of a linear-residual prior's training, and what a run starts from."""

import math

import pytest
import torch

from bitprior_train.config import RunConfig
from bitprior_train.residual.config import (
    ResidualConfig,
    ResidualDataConfig,
    ResidualModelConfig,
    ResidualOptimiserConfig,
    ResidualQuantiserConfig,
    ResidualRecoveryConfig,
    ResidualValidationConfig,
)
from bitprior_train.residual.learner import ResidualLearner
from bitprior_train.residual.optimiser import share_of_rates

GEOMETRY = (3, 8, 8)


def config(
    bits: int = 32, m: int = 5, precision: str = "float32", **more: object
) -> ResidualConfig:
    optimiser = {"batch": 8, "steps": 40, "warmup": 0, "unrolled": 0.0} | more
    return ResidualConfig(
        data=ResidualDataConfig(name="cifar10", validation=4),
        model=ResidualModelConfig(measurements=m, filters=16, blocks=1),
        quantiser=ResidualQuantiserConfig(bits=bits),
        optimiser=ResidualOptimiserConfig(**optimiser),
        recovery=ResidualRecoveryConfig(),
        validation=ResidualValidationConfig(images=4),
        run=RunConfig(precision=precision),
    )


def batch() -> torch.Tensor:
    return torch.rand(8, *GEOMETRY, generator=torch.Generator().manual_seed(0))


def random() -> torch.Generator:
    return torch.Generator().manual_seed(1)


@pytest.mark.parametrize("bits", [1, 2, 4, 32])
@pytest.mark.parametrize("unrolled", [0.0, 1.0])
def test_steps_lower_the_loss_at_every_width(bits: int, unrolled: float) -> None:
    learner = ResidualLearner(config(bits, unrolled=unrolled, lr=5e-3), GEOMETRY)
    losses = [learner.step(batch(), step, random()) for step in range(30)]
    assert losses[-1] < losses[0] - 0.1


def test_a_step_changes_generator_and_sensing() -> None:
    learner = ResidualLearner(config(), GEOMETRY)
    before = {n: p.clone() for n, p in learner.networks.named_parameters()}
    learner.step(batch(), 0, random())
    same = [n for n, p in learner.networks.named_parameters() if torch.equal(p, before[n])]
    assert same == []


def test_the_loss_is_the_mean_logarithm_of_the_squared_error() -> None:
    learner = ResidualLearner(config(flips=False), GEOMETRY)
    x = batch()
    with torch.no_grad():
        made = learner.networks.generator(learner.networks.sensing(x))
        wanted = torch.log((made - x).square().flatten(1).mean(1) + 1e-5).mean()
    assert learner.step(x, 0, random()) == pytest.approx(float(wanted), rel=1e-5)


def test_unrolled_steps_come_at_the_end_and_change_what_is_learned() -> None:
    plain, unrolled = (ResidualLearner(config(unrolled=share), GEOMETRY) for share in (0.0, 0.5))
    assert plain.step(batch(), 19, random()) == unrolled.step(batch(), 19, random())
    assert plain.step(batch(), 20, random()) != unrolled.step(batch(), 20, random())


def test_bfloat16_takes_nearly_the_step_of_float32() -> None:
    exact, low = (
        ResidualLearner(config(precision=p), GEOMETRY).step(batch(), 0, random())
        for p in ("float32", "bfloat16")
    )
    assert low != exact
    assert low == pytest.approx(exact, rel=0.02)


def test_a_low_bit_run_starts_from_a_float_one_of_more_measurements() -> None:
    source = ResidualLearner(config(m=5), GEOMETRY)
    target = ResidualLearner(config(bits=4, m=3), GEOMETRY)
    target.start_from(source.tensors())
    before, after = source.networks, target.networks
    assert torch.equal(after.sensing.map.weight, before.sensing.map.weight[:3])
    assert torch.equal(after.generator.linear.weight, before.generator.linear.weight[:, :3])
    first = "generator.residual.blocks.0.first.weight"
    assert torch.equal(after.state_dict()[first], before.state_dict()[first])
    z = torch.randn(4, 3)
    wide = torch.cat([z, torch.zeros(4, 2)], 1)
    with torch.no_grad():
        error = (after.generator(z) - before.generator(wide)).abs().mean()
        assert error < 0.1 * before.generator(wide).std()


@pytest.mark.parametrize("bits", [1, 32])
def test_what_a_checkpoint_holds_continues_the_run(bits: int) -> None:
    learner = ResidualLearner(config(bits), GEOMETRY)
    for step in range(3):
        learner.step(batch(), step, random())
    other = ResidualLearner(config(bits), GEOMETRY)
    other.load(learner.tensors())
    assert other.step(batch(), 3, random()) == learner.step(batch(), 3, random())


def test_rates_rise_and_fall_to_a_floor() -> None:
    made = config(warmup=4, floor=0.1)
    assert share_of_rates(made, 0) == pytest.approx(0.25, rel=1e-2)
    assert share_of_rates(made, 40) == pytest.approx(0.1)
    assert share_of_rates(made, 20) == pytest.approx(0.1 + 0.9 * 0.5)


def test_muon_keeps_the_norm_of_inner_convolutions_bounded() -> None:
    learner = ResidualLearner(config(lr=0.3, norm_cap=1.0), GEOMETRY)
    for step in range(3):
        learner.step(batch(), step, random())
    weight = learner.networks.generator.residual.blocks[0].first.weight
    he = math.sqrt(2 / weight[0].numel() * weight.numel())
    assert float(weight.detach().norm()) == pytest.approx(he, rel=1e-4)
