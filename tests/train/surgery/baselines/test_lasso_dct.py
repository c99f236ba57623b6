"""Lasso-DCT: scikit-learn's minimum, of the paper's objective."""

from math import sqrt

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.fft import idctn
from sklearn.linear_model import Lasso as SklearnLasso
from torch import Tensor

from bitprior_train.surgery.baselines.admm import analysis, lasso_of, solve, synthesis
from bitprior_train.surgery.baselines.lasso_dct import ALPHA, LassoDCT, lasso_dct
from bitprior_train.surgery.operators import Gaussian, Identity, Inpainting, Operator
from bitprior_train.surgery.problem import Problem, measure

GEOMETRY = (2, 8, 12)
N = 2 * 8 * 12
OPERATORS: tuple[Operator, ...] = (Gaussian(GEOMETRY, 60), Inpainting(GEOMETRY, 0.3))


def _smooth_images(count: int) -> Tensor:
    """Return images of a few low frequencies."""
    random = np.random.default_rng(0)
    z = np.zeros((count, *GEOMETRY), np.float32)
    z[:, :, :2, :2] = random.normal(0, 0.7, (count, 2, 2, 2))
    z[:, :, 0, 0] += 5
    return torch.from_numpy(idctn(z, axes=(2, 3), norm="ortho")).clamp(0, 1)


def _problem(operator: Operator, count: int = 3) -> Problem:
    return measure(operator, _smooth_images(count), seed=1, noise=1.0)


def _matrix(operator: Operator) -> NDArray[np.float64]:
    """Return A Phi, [m, n], column by column."""
    basis = torch.eye(N).reshape(N, *GEOMETRY)
    return operator(synthesis(basis)).numpy().T.astype(np.float64)


def _sklearn(problem: Problem, intercept: bool) -> tuple[list[float], Tensor]:
    """Return scikit-learn's objectives and coefficients, called as the paper's code calls it."""
    scale = sqrt(2 * problem.operator.measurements)
    design = scale * _matrix(problem.operator)
    values, rows = [], []
    for y in problem.y.numpy().astype(np.float64):
        model = SklearnLasso(alpha=ALPHA, fit_intercept=intercept, tol=1e-10, max_iter=100_000)
        model.fit(design, scale * y)
        error = scale * y - model.predict(design)
        values.append(error @ error / (2 * len(y)) + ALPHA * np.abs(model.coef_).sum())
        rows.append(model.coef_)
    return values, torch.from_numpy(np.stack(rows).astype(np.float32))


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.name)
def test_the_minimum_is_that_of_scikit_learn(operator: Operator, intercept: bool) -> None:
    problem = _problem(operator)
    values, theirs = _sklearn(problem, intercept)
    lasso = lasso_of(operator, problem.y, ALPHA, intercept)
    ours = solve(lasso, tolerance=1e-5, iterations=5000)
    assert lasso.objective(ours).tolist() == pytest.approx(values, rel=1e-4)
    assert lasso.objective(theirs).tolist() == pytest.approx(values, rel=1e-4)


def test_the_scaled_objective_is_the_one_the_paper_prints() -> None:
    problem, m = _problem(OPERATORS[0]), OPERATORS[0].measurements
    z = torch.randn(3, N, generator=torch.Generator().manual_seed(0))
    flat = z.numpy().astype(np.float64)
    design, y = _matrix(problem.operator), problem.y.numpy().astype(np.float64)
    printed = ((y - flat @ design.T) ** 2).sum(1) + ALPHA * np.abs(flat).sum(1)
    scaled = sqrt(2 * m) * y - flat @ (sqrt(2 * m) * design).T
    sklearns = (scaled**2).sum(1) / (2 * m) + ALPHA * np.abs(flat).sum(1)
    ours = lasso_of(problem.operator, problem.y, ALPHA, intercept=False).objective(z)
    assert sklearns == pytest.approx(printed, rel=1e-9)
    assert ours.numpy() == pytest.approx(printed, rel=1e-4)


def test_a_small_gap_proves_that_the_minimum_is_near() -> None:
    problem = _problem(OPERATORS[0])
    lasso = lasso_of(problem.operator, problem.y, ALPHA, intercept=True)
    lowest = lasso.objective(solve(lasso, tolerance=1e-5, iterations=5000))
    far = lasso.objective(solve(lasso, tolerance=0.0, iterations=3))
    assert (far > 1.1 * lowest).all()
    for tolerance in (0.1, 1e-2, 1e-3):
        value = lasso.objective(solve(lasso, tolerance, iterations=5000))
        assert (value - lowest <= (tolerance + 1e-5) * value).all()


def test_every_row_is_solved_alike_alone_and_among_others() -> None:
    problem = _problem(OPERATORS[0])
    problem.y[1] *= 1e-4  # 0 is its minimum: done at the first look
    z = solve(lasso_of(problem.operator, problem.y, ALPHA, intercept=False), 1e-3, 5000)
    alone = solve(lasso_of(problem.operator, problem.y[:1], ALPHA, intercept=False), 1e-3, 5000)
    assert torch.allclose(alone[0], z[0], atol=1e-3)
    assert not z[1].any()


def test_with_a_the_identity_it_is_a_soft_threshold() -> None:
    problem = measure(Identity(GEOMETRY), _smooth_images(2), seed=0, noise=0.0)
    lasso = lasso_of(problem.operator, problem.y, alpha=0.5, intercept=False)
    z = solve(lasso, tolerance=1e-6, iterations=1000)
    coefficients = analysis(problem.y.reshape(-1, *GEOMETRY)).flatten(1)
    assert torch.allclose(z, torch.nn.functional.softshrink(coefficients, 0.25), atol=1e-3)


def test_an_intercept_takes_up_what_all_measurements_share() -> None:
    problem = _problem(OPERATORS[0])
    shifted = Problem(problem.operator, problem.y + 0.5)
    with_one, without = LassoDCT(), LassoDCT(intercept=False)
    assert torch.allclose(
        with_one.recover(problem, 0, 1).images, with_one.recover(shifted, 0, 1).images, atol=2e-3
    )
    plain, off = without.recover(problem, 0, 1).images, without.recover(shifted, 0, 1).images
    assert (plain - off).abs().max() > 0.05


def test_images_sparse_in_frequency_are_recovered_from_few_measurements() -> None:
    truth = _smooth_images(3)
    problem = measure(OPERATORS[0], truth, seed=0)
    images = lasso_dct(problem)
    assert (images - truth).square().mean() < 1e-3
    found = LassoDCT().recover(problem, seed=5, restarts=3)
    assert torch.equal(found.images, images)
    assert found.variables == N


def test_the_settings_are_those_of_the_papers_code() -> None:
    settings = LassoDCT().settings
    assert (settings["alpha"], settings["intercept"]) == (0.01, True)
