"""bfloat16, gradient clipping and the device of a run."""

import pytest
import torch

from bitprior_runtime.errors import UsageError
from bitprior_train.batches import latents
from bitprior_train.config import OptimiserConfig, RunConfig, TrainConfig
from bitprior_train.device import choose_device
from bitprior_train.learner import Learner
from bitprior_train.optimisers import Optimisers
from builders.tiny_training import GEOMETRY, stripes, tiny_config


def config(precision: str, order: str = "second", bits: int = 4) -> TrainConfig:
    return tiny_config(
        bits, inner={"order": order}, optimiser={"steps": 60}, run={"precision": precision}
    )


def trained(learner: Learner, steps: int) -> list[float]:
    return [
        learner.step(stripes(), latents(4, 6, 0, step), step).total.item() for step in range(steps)
    ]


@pytest.mark.parametrize("order", ["first", "second"])
def test_training_in_bfloat16_follows_that_in_float32(order: str) -> None:
    exact = trained(Learner(config("float32", order), GEOMETRY), 60)
    learner = Learner(config("bfloat16", order), GEOMETRY)
    rounded = trained(learner, 60)
    assert rounded[0] != exact[0]  # something was rounded
    assert rounded[0] == pytest.approx(exact[0], rel=2e-2)  # bfloat16 has 8 bits
    assert sum(rounded[-5:]) < 0.7 * sum(rounded[:5])
    assert {t.dtype for t in learner.tensors().values()} == {torch.float32}


def test_the_networks_of_a_step_are_called_in_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = set()
    linear = torch.nn.functional.linear

    def watched(x: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
        out = linear(x, *rest)
        seen.add(out.dtype)
        return out

    monkeypatch.setattr(torch.nn.functional, "linear", watched)
    trained(Learner(config("bfloat16"), GEOMETRY), 1)
    assert seen == {torch.bfloat16}


def gradients_after(limit: float) -> list[float]:
    theta = {"a": torch.nn.Parameter(torch.zeros(3)), "b": torch.nn.Parameter(torch.zeros(1))}
    phi = {"c": torch.nn.Parameter(torch.zeros(2))}
    optimisers = Optimisers(OptimiserConfig(clip_norm=limit), theta, phi)
    optimisers.step(
        ((torch.tensor([2.0, 0.0, 1.0]), torch.tensor([2.0])), (torch.tensor([0.3, 0.4]),)), 0
    )
    whole = [torch.cat([p.grad for p in named.values()]) for named in (theta, phi)]  # type: ignore[misc]
    return [float(gradient.norm()) for gradient in whole]


def test_a_long_gradient_is_shortened_to_the_limit_and_a_short_one_left() -> None:
    assert gradients_after(0.0) == pytest.approx([3.0, 0.5])
    assert gradients_after(1.5) == pytest.approx([1.5, 0.5], rel=1e-5)


def test_a_fixed_matrix_leaves_one_adam_only() -> None:
    theta = {"a": torch.nn.Parameter(torch.zeros(3))}
    optimisers = Optimisers(OptimiserConfig(), theta, {})
    assert optimisers.tensors() == {}
    optimisers.step(((torch.ones(3),), ()), 0)
    assert set(optimisers.tensors()) == {"adam.a.step", "adam.a.exp_avg", "adam.a.exp_avg_sq"}


def test_cuda_is_taken_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    assert choose_device(RunConfig(), 1) == torch.device("cuda", 1)
    assert chosen == [torch.device("cuda", 1)]
    assert choose_device(RunConfig(device="cpu"), 0) == torch.device("cpu")
    with pytest.raises(UsageError, match=r"expected 3 GPUs .*; found 2"):
        choose_device(RunConfig(), 2)


def test_cuda_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device(RunConfig(), 0) == torch.device("cpu")
    with pytest.raises(UsageError, match=r"run\.device=cpu"):
        choose_device(RunConfig(device="cuda"), 0)
