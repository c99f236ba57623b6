"""A low-bit generator follows the prior it starts from, before Algorithm 1."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bitprior_runtime.errors import CheckFailedError, UsageError
from bitprior_train.checkpoint import below
from bitprior_train.config import TrainConfig
from bitprior_train.data import Dataset, load_dataset
from bitprior_train.following import Follower, state_of
from bitprior_train.learner import Learner
from bitprior_train.session import Request, resolve_config, train_run
from builders.tiny_training import TINY_NETWORKS, tiny_config


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_dataset("digits", 0, 200, 0)


def followed(digits: Dataset, bits: int, steps: int, **settings: object) -> tuple[Learner, float]:
    """Return a learner that has followed, and how far its images are from the prior's."""
    prior = Learner(tiny_config(32), digits.geometry)
    tensors = {n: t.clone() for n, t in prior.tensors().items()}
    section = {"steps": steps, "images": 40, "batch": 16, "lr": 1e-2, **settings}
    config: TrainConfig = tiny_config(bits, following=section)
    learner = Learner(config, digits.geometry)
    learner.start_from(tensors)
    weights = below("generator.", tensors)
    learner.theta_q()  # learned scales take their start from the weights
    follower = Follower(learner, below("following.", state_of(weights)), config, digits)
    for step in range(steps):
        follower.step(step)
    z = torch.randn(64, 6, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        made = learner.network(learner.theta_q())(z)
        error = (made - learner.network(weights)(z)).square().mean().item()
    return learner, error


@pytest.mark.parametrize("bits", [1, 2])
def test_following_brings_the_images_nearer_to_the_priors(digits: Dataset, bits: int) -> None:
    _, before = followed(digits, bits, 1)
    _, after = followed(digits, bits, 150)
    assert after < 0.8 * before


def test_the_same_seed_follows_the_same_way(digits: Dataset) -> None:
    first, second = (followed(digits, 1, 3)[0].tensors() for _ in range(2))
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())


def test_sensing_and_step_size_stay_those_of_the_prior(digits: Dataset) -> None:
    learner, _ = followed(digits, 1, 3)
    prior = Learner(tiny_config(32), digits.geometry).tensors()
    own = learner.tensors()
    kept = [name for name in prior if name.startswith("sensing.")]
    assert kept
    assert all(torch.equal(own[name], prior[name]) for name in [*kept, "log_beta"])


def test_what_is_no_number_is_refused(digits: Dataset) -> None:
    config = tiny_config(1, following={"steps": 3, "images": 40})
    learner = Learner(config, digits.geometry)
    float_tensors = Learner(tiny_config(32), digits.geometry).tensors()
    weights = {n: t * float("nan") for n, t in below("generator.", float_tensors).items()}
    follower = Follower(learner, below("following.", state_of(weights)), config, digits)
    with pytest.raises(CheckFailedError, match=r"at step 1; lower following\.lr"):
        follower.step(0)


def request(out: Path, *overrides: str, init_from: Path | None = None) -> Request:
    few = ("optimiser.batch=8", "optimiser.steps=2", "validation.images=4", "validation.steps=[2]")
    return Request("digits", out, overrides=(*TINY_NETWORKS, *few, *overrides), init_from=init_from)


def test_a_run_that_follows_says_so_and_needs_a_prior(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wish = ("quantiser.bits=1", "following.steps=8", "following.images=20")
    with pytest.raises(UsageError, match=r"following\.steps is not 0; found none; name it"):
        train_run(request(tmp_path / "alone", *wish))
    train_run(request(tmp_path / "float"))
    train_run(request(tmp_path / "one", *wish, init_from=tmp_path / "float"))
    assert "following 8/8: squared error" in capsys.readouterr().err
    record = json.loads((tmp_path / "one" / "run.json").read_text())
    assert record["config"]["following"]["steps"] == 8
    with pytest.raises(UsageError, match=r"a 32-bit run .* following\.steps is not 0"):
        train_run(request(tmp_path / "again", *wish, init_from=tmp_path / "one"))


def test_the_learning_rate_rises_and_then_stays_or_falls(digits: Dataset) -> None:
    rates = {}
    for schedule in ("constant", "cosine"):
        section = {"steps": 1000, "images": 10, "lr": 1e-2, "schedule": schedule}
        learner = Learner(tiny_config(1, following=section), digits.geometry)
        prior = below("generator.", Learner(tiny_config(32), digits.geometry).tensors())
        state = below("following.", state_of(prior))
        follower = Follower(learner, state, learner.config, digits)
        rates[schedule] = [follower.rate(step) for step in (0, 199, 500, 999)]
    assert rates["constant"] == pytest.approx([5e-5, 1e-2, 1e-2, 1e-2])
    assert rates["cosine"] == pytest.approx([5e-5, 9.06e-3, 5e-3, 2.47e-8], rel=1e-2)


def test_a_configuration_from_before_schedules_had_a_name_falls_as_a_cosine() -> None:
    old = {"steps": 9, "lr": 0.002, "batch": 64, "images": 20000, "jitter": 0.05}
    assert tiny_config(1, following=old).following.schedule == "cosine"


def test_weights_that_are_no_numbers_are_not_kept(digits: Dataset) -> None:
    learner = Learner(tiny_config(1, following={"steps": 3, "images": 10}), digits.geometry)
    prior = below("generator.", Learner(tiny_config(32), digits.geometry).tensors())
    follower = Follower(learner, below("following.", state_of(prior)), learner.config, digits)
    with torch.no_grad():
        next(learner.generator.parameters()).fill_(float("inf"))
    with pytest.raises(CheckFailedError, match="finite weights; found infinity or NaN at step 2"):
        follower.tensors(2)


def test_at_32_bits_following_is_refused_before_work_starts(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"following\.steps=0 at 32 bits.*; found 4; set"):
        train_run(request(tmp_path / "run", "following.steps=4"))
    assert not (tmp_path / "run").exists()


def test_the_best_recipe_at_32_bits_follows_nothing_unless_told_to(tmp_path: Path) -> None:
    best = replace(request(tmp_path / "run", "optimiser.warmup=0"), recipe="best")
    config = resolve_config(best)
    assert (config.following.steps, config.loss.distillation) == (0, 0)
    assert config.optimiser.lr == 1e-3  # the rest of the recipe is there
    train_run(best)
    assert train_run(replace(best, resume=True)).steps == 2
    low = resolve_config(replace(best, overrides=(*best.overrides, "quantiser.bits=1")))
    assert (low.following.steps, low.loss.distillation) == (16000, 1)
    told = (*best.overrides, "loss.distillation=0.5")
    assert resolve_config(replace(best, overrides=told)).loss.distillation == 0.5


def test_a_quantiser_that_is_no_table_is_refused_with_a_recipe_too(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="quantiser"):
        resolve_config(replace(request(tmp_path, "quantiser=1"), recipe="best"))
