"""Adam on the measurements, and what a row that has diverged counts as."""

import pytest
import torch

from bitprior_train.surgery.baselines.fitting import fit, found
from bitprior_train.surgery.operators import Identity
from bitprior_train.surgery.problem import Problem, best_restart

GEOMETRY = (1, 2, 2)


def test_fitting_reaches_images_that_the_variables_can_show() -> None:
    truth = torch.rand(3, *GEOMETRY, generator=torch.Generator().manual_seed(0))
    problem = Problem(Identity(GEOMETRY), truth.flatten(1))
    x = torch.zeros_like(truth, requires_grad=True)
    fit(problem, lambda: x, [([x], 0.05)], steps=300)
    assert torch.allclose(x, truth, atol=1e-3)


def test_every_group_has_its_own_learning_rate() -> None:
    problem = Problem(Identity(GEOMETRY), torch.ones(1, 4))
    slow, fast = (torch.zeros(1, *GEOMETRY, requires_grad=True) for _ in range(2))
    fit(problem, lambda: slow + fast, [([slow], 1e-4), ([fast], 1e-2)], steps=1)
    assert torch.allclose(slow, torch.tensor(1e-4), rtol=1e-3)
    assert torch.allclose(fast, torch.tensor(1e-2), rtol=1e-3)


def test_a_row_fits_alike_alone_and_among_others() -> None:
    problem = Problem(Identity(GEOMETRY), torch.rand(3, 4))
    alone = Problem(problem.operator, problem.y[1:2])
    x, one = torch.zeros(3, *GEOMETRY), torch.zeros(1, *GEOMETRY)
    fit(problem, lambda: x, [([x.requires_grad_()], 0.1)], steps=5)
    fit(alone, lambda: one, [([one.requires_grad_()], 0.1)], steps=5)
    assert torch.allclose(x[1:2], one, atol=1e-6)


def test_rows_that_diverged_lose_against_any_other() -> None:
    problem = Problem(Identity(GEOMETRY), torch.zeros(2, 4))
    good = torch.full((2, *GEOMETRY), 1.0)
    for bad in (torch.nan, torch.inf, -torch.inf):
        broken = torch.zeros(2, *GEOMETRY)
        broken[0, 0, 0, 0] = bad
        chosen = best_restart([found(problem, broken, 4), found(problem, good, 4)])
        assert torch.equal(chosen.images, torch.stack([good[0], broken[1]]))
        assert chosen.losses.tolist() == [1.0, 0.0]


def test_what_is_found_is_clamped_and_what_has_diverged_is_black() -> None:
    problem = Problem(Identity(GEOMETRY), torch.zeros(2, 4))
    images = torch.tensor([[-1.0, 0.5, 2.0, 0.0], [-1.0, 0.5, 2.0, torch.nan]])
    rows = found(problem, images.reshape(2, *GEOMETRY), 4)
    assert rows.images.flatten(1).tolist() == [[0.0, 0.5, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]]
    assert rows.losses.tolist() == [pytest.approx(1.25 / 4), torch.inf]
