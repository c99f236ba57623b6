"""What all solvers share: stopping, compaction, time, checks."""

import time
from functools import partial

import numpy as np
import pytest

from bitprior_runtime.errors import UsageError
from bitprior_runtime.solvers import (
    AdamOptions,
    GaussNewtonOptions,
    LbfgsOptions,
    ProximalOptions,
    adam,
    gauss_newton,
    initial_latents,
    lbfgs,
    proximal,
)
from builders.problems import linear_engine, perceptron_engine, perceptrons

SOLVERS = {
    "proximal": (proximal, partial(ProximalOptions, step_size=0.02)),
    "backtracking": (proximal, partial(ProximalOptions, step_size=0.02, line_search=True)),
    "momentum": (proximal, partial(ProximalOptions, step_size=0.02, momentum=True)),
    "adam": (adam, AdamOptions),
    "lbfgs": (lbfgs, LbfgsOptions),
    "lbfgs of torch": (lbfgs, partial(LbfgsOptions, step_size=0.3, line_search=False)),
    "gauss-newton": (gauss_newton, GaussNewtonOptions),
}
solvers = pytest.mark.parametrize("name", SOLVERS)


class Watched:
    """An engine that notes the size of every batch, and takes its time if asked."""

    name = kernel = "watched"

    def __init__(self, engine, seconds=0.0):
        self.inner, self.seconds, self.batches = engine, seconds, []
        self.generate, self.sense, self.vjp = engine.generate, engine.sense, engine.vjp

    def loss(self, z, y):
        return self.inner.loss(z, y)

    def value_and_grad(self, z, y):
        time.sleep(self.seconds)
        self.batches.append(len(z))
        return self.inner.value_and_grad(z, y)


def problem(rows=8):
    engine = perceptron_engine(perceptrons())
    y = np.random.default_rng(0).standard_normal((rows, 20), np.float32)
    return engine, y, initial_latents(rows, 20, 1)[0]


@solvers
def test_rows_that_have_settled_leave_the_batch(name):
    solve, options = SOLVERS[name]
    engine, y, z0 = problem()
    solution = solve(engine, y, z0, options(steps=150, tolerance=1e-2))
    assert (solution.steps < 150).all()
    assert len(set(solution.steps)) > 1
    assert len(solution.history) == solution.steps.max() + 1
    for row, steps in enumerate(solution.steps):
        losses = solution.history[:, row]
        assert (losses[steps:] == solution.loss[row]).all()
        before, after = losses[steps - 1], losses[steps]
        if name != "momentum":  # there the history has f where the gradient was taken
            assert abs(before - after) <= 1e-2 * before
    np.testing.assert_allclose(solution.loss, engine.loss(solution.latent, y), rtol=1e-4)


def test_the_batch_shrinks_and_cost_is_counted_by_row():
    engine, y, z0 = problem()
    watched = Watched(engine)
    solution = proximal(watched, y, z0, ProximalOptions(150, 0.02, tolerance=4e-3))
    assert watched.batches == sorted(watched.batches, reverse=True)
    assert len(set(watched.batches)) > 2
    # f at the latent where a row stops has been evaluated: steps + 1 evaluations.
    np.testing.assert_array_equal(solution.evaluations, solution.steps + 1)
    assert sum(watched.batches) == solution.evaluations.sum()


@solvers
def test_without_a_tolerance_no_row_stops_for_having_settled(name):
    solve, options = SOLVERS[name]
    engine, y, z0 = problem()
    solution = solve(engine, y, z0, options(steps=4))
    assert solution.steps.tolist() == [4] * 8
    assert solution.history.shape == (5, 8)


def test_a_row_that_has_settled_stops_and_the_others_go_on():
    engine = linear_engine(np.eye(2))
    y = np.array([[1, 1], [5, -5]], np.float32)
    z0 = np.array([[1, 1], [0, 0]], np.float32)  # the first row starts at its answer
    solution = proximal(engine, y, z0, ProximalOptions(60, 0.1, tolerance=0.3))
    free = proximal(engine, y, z0, ProximalOptions(60, 0.1))
    np.testing.assert_array_equal(solution.latent[0], [1, 1])
    assert solution.history.shape == free.history.shape == (61, 2)
    assert (solution.history[:, 0] == 0).all()
    # f shrinks by 36 % a step, more than the tolerance: the second row never stops.
    np.testing.assert_array_equal(solution.latent[1], free.latent[1])
    assert solution.steps.tolist() == [1, 60]
    loose = proximal(engine, y, z0, ProximalOptions(60, 0.1, tolerance=0.5))
    np.testing.assert_allclose(loose.latent[1], [1, -1], rtol=1e-5)  # one step, then settled
    assert loose.history.shape == (2, 2)


@solvers
def test_the_same_start_gives_the_same_end(name):
    solve, options = SOLVERS[name]
    engine, y, z0 = problem()
    first, again = (solve(engine, y, z0, options(steps=8, tolerance=1e-3)) for _ in range(2))
    np.testing.assert_array_equal(first.latent, again.latent)
    np.testing.assert_array_equal(first.history, again.history)
    np.testing.assert_array_equal(first.evaluations, again.evaluations)


@solvers
def test_the_arguments_are_left_alone(name):
    solve, options = SOLVERS[name]
    engine, y, z0 = problem()
    before = y.copy(), z0.copy()
    solve(engine, y, z0, options(steps=5, tolerance=1e-2))
    np.testing.assert_array_equal(y, before[0])
    np.testing.assert_array_equal(z0, before[1])


@solvers
def test_everything_stays_float32(name):
    solve, options = SOLVERS[name]
    engine, y, z0 = problem()
    solution = solve(engine, y, z0, options(steps=5))
    for array in (solution.latent, solution.loss, solution.history):
        assert array.dtype == np.float32


@solvers
def test_a_row_that_overflows_leaves_its_neighbours_alone(name):
    solve, options = SOLVERS[name]
    engine, y, z0 = problem()
    y = y.astype(np.float64).astype(np.float32)
    y[3] = 1e25  # its loss is beyond float32
    solution = solve(engine, y, z0, options(steps=6))
    others = np.arange(8) != 3
    assert not np.isfinite(solution.loss[3])
    assert np.isfinite(solution.loss[others]).all()
    rest = solve(engine, y[others], z0[others], options(steps=6))
    np.testing.assert_allclose(solution.loss[others], rest.loss, rtol=1e-2)


def test_with_a_tolerance_a_row_that_overflows_leaves_the_batch():
    engine = linear_engine(np.eye(2))
    y, z0 = np.ones((2, 2), np.float32), np.zeros((2, 2), np.float32)
    y[0] = 1e30
    solution = proximal(engine, y, z0, ProximalOptions(5, 0.1, tolerance=1e-6))
    assert solution.steps.tolist() == [0, 5]


def test_time_ends_it_between_steps_and_the_result_says_how_many_there_were():
    engine, y, z0 = problem(2)
    slow = Watched(engine, seconds=0.02)
    solution = proximal(slow, y, z0, ProximalOptions(1000, 0.02, max_seconds=0.1))
    steps = solution.steps[0]
    assert 1 <= steps <= 5
    assert solution.steps.tolist() == [steps, steps]
    assert solution.history.shape == (steps + 1, 2)
    free = proximal(engine, y, z0, ProximalOptions(int(steps), 0.02))
    np.testing.assert_array_equal(solution.latent, free.latent)
    np.testing.assert_array_equal(solution.history, free.history)


def test_however_little_time_there_is_one_step_is_taken():
    engine, y, z0 = problem(2)
    solution = proximal(engine, y, z0, ProximalOptions(1000, 0.02, max_seconds=1e-9))
    assert solution.steps.tolist() == [1, 1]


def test_progress_is_told_after_each_step():
    engine, y, z0 = problem(2)
    told = []
    lbfgs(engine, y, z0, LbfgsOptions(3), lambda step, steps: told.append((step, steps)))
    assert told == [(1, 3), (2, 3), (3, 3)]


@solvers
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_inf_are_refused(name, value):
    solve, options = SOLVERS[name]
    engine = linear_engine(np.eye(2))
    with pytest.raises(UsageError, match="finite measurements"):
        solve(engine, np.array([[value, 0]]), np.zeros((1, 2)), options())
    with pytest.raises(UsageError, match="finite start latents"):
        solve(engine, np.zeros((1, 2)), np.array([[value, 0]]), options())


def test_batches_that_do_not_fit_are_refused():
    with pytest.raises(UsageError, match="one batch size"):
        proximal(linear_engine(np.eye(2)), np.zeros((2, 2)), np.zeros((1, 2)), ProximalOptions())
