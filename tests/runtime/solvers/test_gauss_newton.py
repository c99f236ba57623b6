"""Gauss-Newton with Levenberg-Marquardt damping."""

import numpy as np
import pytest

from bitprior_runtime.errors import UsageError
from bitprior_runtime.solvers import (
    GaussNewtonOptions,
    gauss_newton,
    hard_threshold,
    initial_latents,
)
from builders.problems import (
    ROSENBROCK_MINIMUM,
    ROSENBROCK_START,
    Rosenbrock,
    linear_engine,
    orthonormal,
    perceptron_engine,
    perceptrons,
    well_conditioned,
)


@pytest.mark.parametrize(("k", "m"), [(6, 6), (4, 9)])
def test_one_undamped_step_solves_a_linear_problem(k, m):
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal((k, m))
    y = rng.standard_normal((5, m))
    engine = linear_engine(matrix, np.float64)
    solution = gauss_newton(engine, y, np.zeros((5, k)), GaussNewtonOptions(1, damping=0))
    answer = np.linalg.lstsq(matrix.astype(np.float32).astype(float).T, y.T, rcond=None)[0].T
    np.testing.assert_allclose(solution.latent, answer, atol=1e-8)
    assert solution.evaluations.tolist() == [m + 2] * 5  # start, Jacobian, trial


def test_with_fewer_measurements_than_latents_the_step_is_the_shortest_one():
    rng = np.random.default_rng(0)
    matrix, y = rng.standard_normal((9, 4)), rng.standard_normal((3, 4))
    engine = linear_engine(matrix, np.float64)
    solution = gauss_newton(engine, y, np.zeros((3, 9)), GaussNewtonOptions(1, damping=0))
    np.testing.assert_allclose(
        solution.latent, y @ np.linalg.pinv(matrix.astype(np.float32).astype(float)), atol=1e-8
    )


def test_a_singular_jacobian_is_no_obstacle():
    engine = linear_engine(np.diag([1.0, 2.0, 0.0]))
    y, z0 = np.array([[1, 2, 3]], np.float32), np.zeros((1, 3), np.float32)
    solution = gauss_newton(engine, y, z0, GaussNewtonOptions(5, damping=0))
    np.testing.assert_allclose(solution.latent, [[1, 1, 0]], atol=1e-6)


def test_without_any_slope_a_row_is_at_its_end():
    engine = linear_engine(np.zeros((2, 2)))
    y, z0 = np.ones((1, 2), np.float32), np.ones((1, 2), np.float32)
    solution = gauss_newton(engine, y, z0, GaussNewtonOptions())
    np.testing.assert_array_equal(solution.latent, z0)
    assert solution.steps.tolist() == [0]


def test_with_an_orthonormal_operator_the_answer_is_p_s_of_the_dense_one():
    dense = np.random.default_rng(2).standard_normal((4, 12))
    engine = linear_engine(orthonormal(12), np.float64)
    options = GaussNewtonOptions(1, sparsity=4, damping=0)
    solution = gauss_newton(engine, engine.sense(dense), np.zeros((4, 12)), options)
    np.testing.assert_allclose(solution.latent, hard_threshold(dense, 4), atol=1e-6)


def test_on_the_support_of_p_s_the_problem_is_solved_again():
    """Least squares on the kept columns, not the kept entries of the full solution."""
    rng = np.random.default_rng(5)
    matrix, y = rng.standard_normal((6, 6)), rng.standard_normal((1, 6))
    engine = linear_engine(matrix, np.float64)
    options = GaussNewtonOptions(1, sparsity=3, damping=0)
    (found,) = gauss_newton(engine, y, np.zeros((1, 6)), options).latent
    matrix = matrix.astype(np.float32).astype(np.float64)
    full = np.linalg.solve(matrix.T, y[0])
    support = np.flatnonzero(hard_threshold(full[np.newaxis], 3)[0])
    answer = np.linalg.lstsq(matrix[support].T, y[0], rcond=None)[0]
    np.testing.assert_array_equal(np.flatnonzero(found), support)
    np.testing.assert_allclose(found[support], answer, rtol=1e-6)
    assert not np.allclose(answer, full[support], rtol=0.05)


def test_a_sparse_truth_is_found():
    truth = np.array([[0, 0, 1.5, 0, -2, 0]], np.float32)
    engine = linear_engine(well_conditioned(6))
    start = np.array([[1, -1, 0, 1, 0, -1]], np.float32)
    options = GaussNewtonOptions(10, sparsity=2)
    solution = gauss_newton(engine, engine.sense(truth), start, options)
    np.testing.assert_allclose(solution.latent, truth, atol=1e-4)


@pytest.mark.parametrize("damping", [0, 1e-3, 1.0])
def test_the_bent_valley_is_followed(damping):
    options = GaussNewtonOptions(100, damping=damping)
    solution = gauss_newton(Rosenbrock(), np.zeros((1, 2)), ROSENBROCK_START, options)
    np.testing.assert_allclose(solution.latent, ROSENBROCK_MINIMUM, atol=1e-6)
    assert (np.diff(solution.history[:, 0]) < 0).all()
    assert solution.steps[0] < 60


def test_near_its_answer_a_prior_is_inverted_in_a_few_steps():
    engine = perceptron_engine(perceptrons(sensing=(64, 40, 30)), np.float64)
    rng = np.random.default_rng(4)
    truth = rng.standard_normal((6, 20)) / 2
    start = truth + rng.standard_normal((6, 20)) / 500
    y = engine.sense(engine.generate(truth))
    solution = gauss_newton(engine, y, start, GaussNewtonOptions(8, damping=1e-9))
    np.testing.assert_allclose(solution.latent, truth, atol=1e-6)
    np.testing.assert_allclose(solution.loss, engine.loss(solution.latent, y), atol=1e-20)


def test_a_row_alone_ends_where_it_ends_among_others():
    engine = perceptron_engine(perceptrons(), np.float64)
    y = np.random.default_rng(0).standard_normal((6, 20))
    z0 = initial_latents(6, 20, 5)[0].astype(np.float64)
    options = GaussNewtonOptions(6, sparsity=9)
    together = gauss_newton(engine, y, z0, options)
    alone = gauss_newton(engine, y[3:4], z0[3:4], options)
    np.testing.assert_allclose(alone.latent, together.latent[3:4], rtol=1e-6, atol=1e-9)
    assert (np.count_nonzero(together.latent, axis=1) <= 9).all()


def test_a_row_whose_loss_overflows_leaves_at_once():
    engine = linear_engine(np.eye(2))
    y, z0 = np.ones((2, 2), np.float32), np.array([[1e30, 0], [0, 0]], np.float32)
    solution = gauss_newton(engine, y, z0, GaussNewtonOptions())
    assert solution.steps[0] == 0
    np.testing.assert_allclose(solution.latent[1], [1, 1], rtol=1e-4)


@pytest.mark.parametrize("bad", [{"steps": 0}, {"sparsity": 0}, {"damping": -1.0}])
def test_options_out_of_range_are_refused(bad):
    with pytest.raises(UsageError, match="change"):
        GaussNewtonOptions(**bad)
