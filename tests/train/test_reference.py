"""The torch recovery: P_s, the gradient, the proximal loop."""

import pytest
import torch
from torch import Tensor

from bitprior_train.generators import MLPGenerator
from bitprior_train.reference import (
    hard_threshold,
    measurement_error,
    proximal,
    unit_normal,
    value_and_grad,
)
from bitprior_train.sensing import MLPSensing


def random(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("s", [1, 3, 7])
def test_hard_threshold_keeps_exactly_the_s_largest(s: int) -> None:
    z = torch.randn(5, 8, generator=random(0))
    kept = hard_threshold(z, s)
    assert ((kept != 0).sum(1) == s).all()
    assert (kept[kept != 0] == z[kept != 0]).all()
    dropped = z.abs().masked_fill(kept != 0, 0).amax(1)
    assert (dropped <= kept.abs().masked_fill(kept == 0, torch.inf).amin(1)).all()


def test_hard_threshold_is_idempotent() -> None:
    once = hard_threshold(torch.randn(5, 8, generator=random(0)), 3)
    assert torch.equal(hard_threshold(once, 3), once)


@pytest.mark.parametrize("s", [8, 9])
def test_hard_threshold_with_all_entries_is_the_identity(s: int) -> None:
    z = torch.randn(5, 8, generator=random(0))
    assert torch.equal(hard_threshold(z, s), z)


def test_ties_go_to_the_lowest_index() -> None:
    z = torch.tensor([[1.0, -2.0, 2.0, -2.0, 2.0, 0.5]])
    assert hard_threshold(z, 2).tolist() == [[0.0, -2.0, 2.0, 0.0, 0.0, 0.0]]
    assert hard_threshold(torch.ones(3, 200), 7).nonzero()[:, 1].tolist() == [*range(7)] * 3


def test_hard_threshold_passes_gradients_to_the_kept_entries_only() -> None:
    z = torch.tensor([[3.0, 1.0, -2.0]], requires_grad=True)
    hard_threshold(z, 2).sum().backward()
    assert z.grad is not None
    assert z.grad.tolist() == [[1.0, 0.0, 1.0]]


def test_unit_normal_has_unit_rows_and_is_seeded() -> None:
    z = unit_normal(6, 10, random(3))
    torch.testing.assert_close(z.norm(dim=1), torch.ones(6))
    assert torch.equal(z, unit_normal(6, 10, random(3)))
    assert not torch.equal(z, unit_normal(6, 10, random(4)))


def networks() -> tuple[MLPGenerator, MLPSensing, Tensor, Tensor]:
    torch.manual_seed(0)
    generator = MLPGenerator(5, (7,), (1, 3, 2)).double()
    sensing = MLPSensing((1, 3, 2), (7,), 4).double()
    z = unit_normal(3, 5, random(1)).double()
    return generator, sensing, z, torch.randn(3, 4, generator=random(2), dtype=torch.float64)


def test_the_gradient_matches_finite_differences() -> None:
    generator, sensing, z, y = networks()
    f, gradient = value_and_grad(generator, sensing, z, y)
    torch.testing.assert_close(f, measurement_error(generator, sensing, z, y))
    for i in range(5):
        step = torch.zeros(5, dtype=torch.float64)
        step[i] = 1e-6
        plus = measurement_error(generator, sensing, z + step, y)
        minus = measurement_error(generator, sensing, z - step, y)
        torch.testing.assert_close(gradient[:, i], (plus - minus) / 2e-6, rtol=1e-6, atol=1e-8)


def test_proximal_steps_are_gradient_steps_then_thresholds() -> None:
    generator, sensing, z0, y = networks()
    latents, losses = proximal(generator, sensing, y, z0, beta=0.1, s=2, steps=3)
    assert len(latents) == len(losses) == 4
    for before, after, loss in zip(latents, latents[1:], losses, strict=False):
        f, gradient = value_and_grad(generator, sensing, before, y)
        torch.testing.assert_close(loss, f)
        torch.testing.assert_close(after, hard_threshold(before - 0.1 * gradient, 2))
    torch.testing.assert_close(losses[-1], measurement_error(generator, sensing, latents[-1], y))


def test_rows_are_recovered_independently_of_each_other() -> None:
    generator, sensing, z0, y = networks()
    latents, _ = proximal(generator, sensing, y, z0, beta=0.1, s=3, steps=4)
    alone, _ = proximal(generator, sensing, y[1:2], z0[1:2], beta=0.1, s=3, steps=4)
    torch.testing.assert_close(latents[-1][1:2], alone[-1])
