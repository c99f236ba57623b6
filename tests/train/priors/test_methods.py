"""What one step of each way to learn does."""

import pytest
import torch

from bitprior_train.config import DataConfig, QuantiserConfig, RunConfig
from bitprior_train.priors.config import (
    BalanceConfig,
    PriorConfig,
    PriorModelConfig,
    PriorOptimiserConfig,
)
from bitprior_train.priors.methods import Balanced, Following
from bitprior_train.priors.trainer import learning_rate, make_method

KINDS = ("dcgan", "began", "vae")


def config(kind: str, bits: int = 32, **optimiser: object) -> PriorConfig:
    return PriorConfig(
        data=DataConfig(name="celeba64", validation=1),
        model=PriorModelConfig(kind=kind, latent=4, filters=2, critic_filters=2),
        quantiser=QuantiserConfig(bits=bits),
        optimiser=PriorOptimiserConfig(**({"batch": 4, "steps": 10} | optimiser)),
        balance=BalanceConfig(),
    )


def batch(size: int = 64) -> torch.Tensor:
    return torch.rand(4, 3, size, size, generator=torch.Generator().manual_seed(0))


def random() -> torch.Generator:
    return torch.Generator().manual_seed(1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_changes_generator_and_judge(kind: str) -> None:
    method = make_method(config(kind), (3, 64, 64))
    networks = (method.generator, method.judge)
    before = [[p.clone() for p in network.parameters()] for network in networks]
    losses = method.step(batch(), random())
    assert all(value == value for value in losses.values())
    for network, old in zip(networks, before, strict=True):
        moved = [not torch.equal(p, q) for p, q in zip(network.parameters(), old, strict=True)]
        assert sum(moved) > len(moved) / 2


@pytest.mark.parametrize("kind", ["began", "vae"])
def test_priors_of_128_pixels_take_a_step(kind: str) -> None:
    method = make_method(config(kind), (3, 128, 128))
    assert set(method.step(batch(128), random())) >= {"generator"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_takes_the_same_step(kind: str) -> None:
    first, second = (make_method(config(kind), (3, 64, 64)) for _ in range(2))
    assert first.step(batch(), random()) == second.step(batch(), random())


@pytest.mark.parametrize("kind", KINDS)
def test_bfloat16_takes_nearly_the_step_of_float32(kind: str) -> None:
    exact = config(kind)
    low = exact.model_copy(update={"run": RunConfig(precision="bfloat16")})
    full, rounded = (make_method(c, (3, 64, 64)).step(batch(), random()) for c in (exact, low))
    assert rounded != full
    assert rounded == pytest.approx(full, rel=0.03)


def test_the_vae_learns_the_images() -> None:
    method = make_method(config("vae", lr=3e-3, beta1=0.9), (3, 64, 64))
    errors = [method.step(batch(), random())["generator"] for _ in range(25)]
    assert errors[-1] < 0.9 * errors[0]


def test_the_balance_of_began_follows_its_rule() -> None:
    method = make_method(config("began"), (3, 64, 64))
    assert isinstance(method, Balanced)
    losses = method.step(batch(), random())
    gap = 0.5 * losses["critic"] - losses["generator"]
    assert method.balance == pytest.approx(max(0.0, 1e-3 * gap))
    assert losses["convergence"] == pytest.approx(losses["critic"] + abs(gap))
    method.load_state({"balance": torch.tensor(0.25)})
    assert method.state()["balance"] == 0.25


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bits", [1, 4])
def test_a_low_bit_prior_comes_closer_to_the_float_one(kind: str, bits: int) -> None:
    method = make_method(config(kind, bits, lr=2e-3), (3, 64, 64))
    assert isinstance(method, Following)
    wanted = {n: p.clone() for n, p in method.judge.named_parameters()}
    errors = [method.step(batch(), random())["generator"] for _ in range(30)]
    assert errors[-1] < errors[0]
    assert all(torch.equal(p, wanted[n]) for n, p in method.judge.named_parameters())


def test_learning_rates_are_constant_or_fall_to_a_floor() -> None:
    assert learning_rate(config("vae", lr=1e-3), 7) == 1e-3
    falling = config("vae", lr=1e-3, schedule="cosine", floor=0.25)
    assert learning_rate(falling, 0) == pytest.approx(1e-3)
    assert learning_rate(falling, 10) == pytest.approx(0.25e-3)


def test_a_batch_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match="batch norms need 2"):
        config("vae", batch=1)
