"""The proximal solver: fixed steps, backtracking and momentum."""

import numpy as np
import pytest

from bitprior_runtime.engines.base import Loop
from bitprior_runtime.errors import UsageError
from bitprior_runtime.solvers import ProximalOptions, hard_threshold, initial_latents, proximal
from bitprior_runtime.solvers.backtracking import backtrack
from bitprior_runtime.solvers.momentum import extrapolate
from bitprior_runtime.solvers.sums import inner
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

VARIANTS = [
    {},
    {"line_search": True},
    {"momentum": True},
    {"line_search": True, "momentum": True},
]
variants = pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: "+".join(v) or "fixed")


def test_the_first_step_is_the_papers_equation():
    engine = linear_engine(np.diag([1.0, 2.0, 3.0]))
    z0, y = np.array([[1, 1, 1]], np.float32), np.array([[2, 2, 2]], np.float32)
    solution = proximal(engine, y, z0, ProximalOptions(steps=1, step_size=0.1, sparsity=1))
    # grad f = 2 M (M z - y) = [-2, 0, 6]; z - 0.1 grad = [1.2, 1, 0.4]; P_1 keeps 1.2
    np.testing.assert_allclose(solution.latent, [[1.2, 0, 0]], rtol=1e-6)
    np.testing.assert_allclose(solution.history[:, 0], [2, (1.2 - 2) ** 2 + 8], rtol=1e-6)


def test_fixed_steps_are_the_papers_loop_to_the_last_bit():
    engine = perceptron_engine(perceptrons())
    y = np.random.default_rng(0).standard_normal((9, 20), np.float32)
    z = initial_latents(9, 20, 0)[0]
    solution = proximal(engine, y, z, ProximalOptions(12, 0.02, 7))
    for t in range(12):
        f, grad = engine.value_and_grad(z, y)
        np.testing.assert_array_equal(solution.history[t], f)
        z = hard_threshold(z - np.float32(0.02) * grad, 7)
    np.testing.assert_array_equal(solution.latent, z)
    np.testing.assert_array_equal(solution.loss, engine.loss(z, y))


@variants
def test_a_linear_problem_is_solved(variant):
    truth = np.random.default_rng(1).standard_normal((5, 6)).astype(np.float32)
    engine = linear_engine(well_conditioned(6))
    options = ProximalOptions(400, 0.1, **variant)
    solution = proximal(engine, engine.sense(truth), np.zeros_like(truth), options)
    np.testing.assert_allclose(solution.latent, truth, atol=2e-3)
    np.testing.assert_array_equal(solution.history[-1], solution.loss)


@variants
def test_a_sparse_truth_is_found_by_sparse_steps(variant):
    truth = np.array([[0, 0, 1.5, 0, -2, 0]], np.float32)
    engine = linear_engine(well_conditioned(6))
    options = ProximalOptions(400, 0.1, 2, **variant)
    found = proximal(engine, engine.sense(truth), np.zeros_like(truth), options).latent
    np.testing.assert_allclose(found, truth, atol=1e-3)


@variants
def test_with_an_orthonormal_operator_the_answer_is_p_s_of_the_dense_one(variant):
    dense = np.random.default_rng(2).standard_normal((4, 12)).astype(np.float32)
    engine = linear_engine(orthonormal(12))
    # f = ||z - dense||^2: beta = 1/2 goes there in one step.
    options = ProximalOptions(40, 0.5, 4, **variant)
    found = proximal(engine, engine.sense(dense), np.zeros_like(dense), options).latent
    np.testing.assert_allclose(found, hard_threshold(dense, 4), atol=1e-5)


@variants
def test_the_reported_loss_is_that_of_the_reported_latent(variant):
    engine = perceptron_engine(perceptrons())
    y = np.random.default_rng(0).standard_normal((9, 20), np.float32)
    options = ProximalOptions(30, 0.02, 7, tolerance=0.02, **variant)
    solution = proximal(engine, y, initial_latents(9, 20, 0)[0], options)
    assert len(set(solution.steps)) > 1  # rows left the batch at different times
    np.testing.assert_allclose(solution.loss, engine.loss(solution.latent, y), rtol=1e-5)
    np.testing.assert_array_equal(solution.history[-1], solution.loss)
    assert (np.count_nonzero(solution.latent, axis=1) <= 7).all()


def test_backtracking_never_raises_the_loss_however_large_the_first_step():
    engine = perceptron_engine(perceptrons())
    y = np.random.default_rng(0).standard_normal((9, 20), np.float32)
    z0 = hard_threshold(initial_latents(9, 20, 0)[0], 7)
    solution = proximal(engine, y, z0, ProximalOptions(40, 1e6, 7, line_search=True))
    assert (np.diff(solution.history, axis=0) <= 1e-5 * solution.history[:-1]).all()
    # Some 26 halvings are needed to come down from there; later steps begin from the last beta.
    assert (solution.evaluations > 60).all()
    assert (solution.evaluations < 180).all()


def test_backtracking_needs_no_step_size_that_fits():
    steep = linear_engine(100 * well_conditioned(6))
    truth = np.random.default_rng(1).standard_normal((5, 6)).astype(np.float32)
    y, z0 = steep.sense(truth), np.zeros_like(truth)
    fixed = proximal(steep, y, z0, ProximalOptions(60, 0.1))
    assert not (fixed.loss < 1e6).any()
    for momentum in (False, True):
        options = ProximalOptions(200, 0.1, line_search=True, momentum=momentum)
        np.testing.assert_allclose(proximal(steep, y, z0, options).latent, truth, atol=2e-3)


def test_a_row_without_a_step_of_sufficient_decrease_is_at_its_end():
    engine = Rosenbrock()
    # A gradient that points the wrong way: no step length lowers f.
    engine.vjp = lambda z, c: -Rosenbrock.vjp(engine, z, c)
    options = ProximalOptions(10, 1.0, line_search=True)
    solution = proximal(engine, np.zeros((1, 2)), ROSENBROCK_START, options)
    np.testing.assert_array_equal(solution.latent, ROSENBROCK_START)
    assert solution.steps.tolist() == [0]
    assert solution.history.shape == (1, 1)


def test_momentum_needs_far_fewer_steps_on_an_ill_conditioned_quadratic():
    engine = linear_engine(np.diag(np.geomspace(1, 30, 20)), np.float64)  # condition 900
    truth = np.random.default_rng(3).standard_normal((1, 20))
    y, z0, beta = engine.sense(truth), np.zeros((1, 20)), 1 / (2 * 30**2)
    first = engine.loss(z0, y)[0]

    def needed(momentum):
        history = proximal(engine, y, z0, ProximalOptions(8000, beta, momentum=momentum)).history
        return int(np.argmax(history[:, 0] < 1e-8 * first))

    plain, fast = needed(momentum=False), needed(momentum=True)
    assert 0 < fast < plain / 10


def test_momentum_is_nesterovs_and_restarts():
    """Against the equations written out for one row, on a problem where the restart happens."""
    engine = linear_engine(np.diag([1.0, 10.0]), np.float64)
    y, z, beta = np.array([[1.0, 1.0]]), np.array([[3.0, -2.0]]), 0.004
    solution = proximal(engine, y, z, ProximalOptions(60, beta, momentum=True))
    v, theta, last, restarts = z, 1.0, np.inf, 0
    for t in range(60):
        f, grad = engine.value_and_grad(v, y)
        assert solution.history[t, 0] == pytest.approx(f[0], rel=1e-9)
        new = v - beta * grad
        if ((v - new) * (new - z)).sum() > 0 or f[0] > last:
            theta, restarts = 1.0, restarts + 1
        after = (1 + (1 + 4 * theta**2) ** 0.5) / 2
        last = f[0]
        v, z, theta = new + (theta - 1) / after * (new - z), new, after
    np.testing.assert_allclose(solution.latent, z, rtol=1e-9)
    assert restarts > 0


def test_the_bent_valley_is_followed_with_backtracking_and_momentum():
    options = ProximalOptions(2000, 0.01, line_search=True, momentum=True, tolerance=1e-14)
    solution = proximal(Rosenbrock(), np.zeros((1, 2)), ROSENBROCK_START, options)
    np.testing.assert_allclose(solution.latent, ROSENBROCK_MINIMUM, atol=1e-3)


@pytest.mark.parametrize("variant", VARIANTS[1::2], ids=lambda v: "+".join(v))
def test_a_row_whose_loss_overflows_leaves_at_once_where_steps_are_searched(variant):
    engine = linear_engine(np.eye(2))
    y = np.array([[1, 1], [1, 1]], np.float32)
    z0 = np.array([[1e30, 0], [0, 0]], np.float32)
    options = ProximalOptions(50, 0.1, **variant)
    solution = proximal(engine, y, z0, options)
    assert solution.steps[0] == 0
    assert not np.isfinite(solution.loss[0])
    np.testing.assert_allclose(solution.latent[1], [1, 1], rtol=1e-4)


@pytest.mark.parametrize(
    "bad",
    [
        {"steps": 0},
        {"step_size": 0.0},
        {"step_size": float("nan")},
        {"sparsity": 0},
        {"tolerance": 1.0},
        {"max_seconds": 0.0},
    ],
)
def test_options_out_of_range_are_refused(bad):
    with pytest.raises(UsageError, match="change"):
        ProximalOptions(**bad)


def test_with_the_unit_sphere_every_latent_has_length_one():
    engine = linear_engine(np.diag([1.0, 2.0, 3.0]))
    z0, y = np.array([[3, 0, 4]], np.float32), np.array([[2, 2, 2]], np.float32)
    options = ProximalOptions(1, 0.1, projection="unit-sphere")
    start = z0 / 5
    gradient = -2 * (y - start * [1, 2, 3]) * [1, 2, 3]
    moved = start - 0.1 * gradient
    found = proximal(engine, y, z0, options).latent
    np.testing.assert_allclose(found, moved / np.linalg.norm(moved), rtol=1e-6)


def test_a_latent_of_zeros_stays_where_it_is_on_the_sphere():
    engine = linear_engine(np.eye(2))
    zeros = np.zeros((1, 2), np.float32)
    options = ProximalOptions(2, 0.1, projection="unit-sphere")
    np.testing.assert_array_equal(proximal(engine, zeros, zeros, options).latent, zeros)


def test_the_engines_own_loop_is_left_out_where_it_does_not_do_what_is_asked():
    class Looping:
        name, kernel = "float", "looping"

        def __init__(self):
            self.inner = linear_engine(np.eye(2))

        def __getattr__(self, name):
            return getattr(self.inner, name)

        def loops(self, loop):
            return not loop.unit_sphere

        def proximal(self, z0, y, loop):
            assert loop == Loop(3, 0.1, momentum=True)
            return z0, np.zeros((4, len(y)), np.float32), np.full(len(y), 3)

    z0, y = np.array([[0.6, 0.8]], np.float32), np.ones((1, 2), np.float32)

    def run(**options):
        return proximal(Looping(), y, z0, ProximalOptions(3, 0.1, **options)).latent

    np.testing.assert_array_equal(run(momentum=True), z0)
    for options in ({"line_search": True}, {"max_seconds": 9.0}, {"projection": "unit-sphere"}):
        assert not np.array_equal(run(**options), z0)


def test_the_inner_product_that_restarts_is_summed_in_float64_from_the_first_entry_on():
    # In float32 the sum would be 0, pairwise or in order; only its sign counts.
    v = np.array([[1e8, 1, -1e8]], np.float32)
    after, z = np.zeros_like(v), np.array([[-1, -1, -1]], np.float32)
    theta = np.full(1, 5, np.float32)
    ahead, grown = extrapolate(v, z, after, theta, np.zeros(1, bool))
    np.testing.assert_array_equal(ahead, after)  # begun anew: no momentum
    assert grown[0] == np.float32((1 + np.sqrt(np.float32(5))) / 2)
    assert extrapolate(-v, z, after, theta, np.zeros(1, bool))[1] > grown
    assert extrapolate(-v, z, after, theta, np.ones(1, bool))[1] == grown


@pytest.mark.parametrize("option", ["line_search", "momentum"])
def test_a_projection_needs_a_fixed_step(option):
    with pytest.raises(UsageError, match="plain steps of a fixed size"):
        ProximalOptions(projection="unit-sphere", **{option: True})


def test_an_unknown_projection_is_refused():
    with pytest.raises(UsageError, match="projection none or unit-sphere"):
        ProximalOptions(projection="cube")


def test_a_line_search_adds_up_from_the_first_entry_on_in_float64():
    # ||grad||^2 is 2^24 + 4; in float32 each of the ones is lost, or not, as the order has it.
    grad = np.array([[2.0**12, 1, 1, 1, 1]], np.float32)
    asked = []

    def evaluate(z, rows):
        asked.append(z.copy())
        # The model around 0 is -beta / 2 ||grad||^2: -2^23 - 2 at first.
        return np.array([-(2.0**23) - 1 if len(asked) == 1 else -1e9], np.float32), None

    zeros, one = np.zeros((1, 5), np.float32), np.ones(1, np.float32)
    end = backtrack(evaluate, zeros, np.zeros(1, np.float32), grad, one, None)
    assert end.beta.tolist() == [0.5]
    assert end.found.tolist() == [True]


def test_inner_products_are_added_up_in_order():
    a, b = np.random.default_rng(3).standard_normal((2, 3, 1001)).astype(np.float32)
    expected = [0.0, 0.0, 0.0]
    for j in range(a.shape[1]):
        expected = [expected[i] + float(a[i, j]) * float(b[i, j]) for i in range(3)]
    assert inner(a, b).tolist() == expected
