"""Solvers on problems with known answers."""

from dataclasses import replace

import numpy as np
import pytest

from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.errors import UsageError
from bitprior_runtime.program import Node, Program
from bitprior_runtime.recovery import Restarts, recover
from bitprior_runtime.solvers import (
    AdamOptions,
    ProximalOptions,
    adam,
    hard_threshold,
    initial_latents,
    proximal,
)
from bitprior_runtime.tensors import FloatTensor


def linear_engine(matrix):
    """f(z) = ||y - z M||^2: its answer is known."""
    generator = Program(
        "generator", {"z": (len(matrix),)}, "x", [Node("Identity", ("z",), "x")], {}
    )
    sensing = Program(
        "sensing", {"x": (len(matrix),)}, "y", [Node("MatMul", ("x", "M"), "y")],
        {"M": FloatTensor(np.asarray(matrix, np.float32))},
    )  # fmt: skip
    return FloatEngine(generator, sensing)


def well_conditioned(k, seed=0):
    q, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((k, k)))
    return q * np.linspace(1, 2, k)


def test_p_s_keeps_the_s_largest_magnitudes():
    z = np.array([[3.0, -5.0, 1.0, 4.0]])
    np.testing.assert_array_equal(hard_threshold(z, 2), [[0, -5, 0, 4]])


def test_p_s_is_idempotent_and_keeps_exactly_s():
    z = np.random.default_rng(0).standard_normal((20, 30))
    once = hard_threshold(z, 7)
    assert (np.count_nonzero(once, axis=1) == 7).all()
    np.testing.assert_array_equal(hard_threshold(once, 7), once)


def test_p_s_breaks_ties_by_the_lower_index():
    np.testing.assert_array_equal(hard_threshold(np.array([[1.0, -1, 1, 1]]), 2), [[1, -1, 0, 0]])


@pytest.mark.parametrize("s", [None, 4, 9])
def test_p_s_with_s_of_k_or_more_is_the_identity(s):
    z = np.array([[3.0, -5.0, 1.0, 4.0]])
    np.testing.assert_array_equal(hard_threshold(z, s), z)


def test_unit_normal_latents_have_unit_norm_and_follow_the_seed():
    z = initial_latents(5, 10, seed=3)
    np.testing.assert_allclose(np.linalg.norm(z, axis=-1), 1, rtol=1e-6)
    np.testing.assert_array_equal(z, initial_latents(5, 10, seed=3))
    assert not np.array_equal(z, initial_latents(5, 10, seed=4))


def test_a_start_latent_depends_only_on_its_seed_row_and_restart():
    few, many = initial_latents(4, 6, 0, 2), initial_latents(9, 6, 0, 3)
    np.testing.assert_array_equal(few, many[:2, :4])
    assert not np.array_equal(many[0], many[1])


def test_other_kinds_of_start_latents():
    assert not initial_latents(2, 3, 0, kind="zero").any()
    spread = initial_latents(500, 20, 0, kind="normal")
    assert spread.std() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    ("solve", "options"),
    [(proximal, ProximalOptions(400, 0.1)), (adam, AdamOptions(1500, 0.02))],
)
def test_a_linear_problem_is_solved(solve, options):
    matrix = well_conditioned(6)
    truth = np.random.default_rng(1).standard_normal((5, 6)).astype(np.float32)
    engine = linear_engine(matrix)
    solution = solve(engine, engine.sense(truth), np.zeros_like(truth), options)
    np.testing.assert_allclose(solution.latent, truth, atol=2e-3)
    assert solution.history.shape == (options.steps + 1, 5)
    np.testing.assert_array_equal(solution.history[-1], solution.loss)


def test_the_first_step_is_the_papers_equation():
    engine = linear_engine(np.diag([1.0, 2.0, 3.0]))
    z0, y = np.array([[1, 1, 1]], np.float32), np.array([[2, 2, 2]], np.float32)
    solution = proximal(engine, y, z0, ProximalOptions(steps=1, step_size=0.1, sparsity=1))
    # grad f = 2 M (M z - y) = [-2, 0, 6]; z - 0.1 grad = [1.2, 1, 0.4]; P_1 keeps 1.2
    np.testing.assert_allclose(solution.latent, [[1.2, 0, 0]], rtol=1e-6)
    np.testing.assert_allclose(solution.history[:, 0], [2, (1.2 - 2) ** 2 + 8], rtol=1e-6)


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
    loose = proximal(engine, y, z0, ProximalOptions(60, 0.1, tolerance=0.5))
    np.testing.assert_allclose(loose.latent[1], [1, -1], rtol=1e-5)  # one step, then settled
    assert (loose.history[1:, 1] == loose.history[1, 1]).all()


def test_adam_takes_a_first_step_of_its_step_size():
    engine = linear_engine(np.diag([1.0, 2.0]))
    z0, y = np.zeros((1, 2), np.float32), np.array([[1, -1]], np.float32)
    solution = adam(engine, y, z0, AdamOptions(steps=1, step_size=0.1))
    np.testing.assert_allclose(solution.latent, [[0.1, -0.1]], rtol=1e-5)


def test_a_sparse_truth_is_found_by_sparse_steps():
    truth = np.array([[0, 0, 1.5, 0, -2, 0]], np.float32)
    engine = linear_engine(well_conditioned(6))
    options = ProximalOptions(steps=400, step_size=0.1, sparsity=2)
    found = proximal(engine, engine.sense(truth), np.zeros_like(truth), options).latent
    np.testing.assert_allclose(found, truth, atol=1e-3)


def test_the_lowest_measurement_loss_wins_and_nan_never_does():
    engine = linear_engine(np.eye(2))
    y = np.array([[1.0, 1.0]], np.float32)

    def solve(measurements, z0, seconds, progress):
        solution = proximal(engine, measurements, z0, ProximalOptions(1, 0.1))
        losses = np.array([3, np.nan, 1, 2], np.float32)
        return replace(solution, latent=z0, loss=losses, history=np.tile(losses, (2, 1)))

    found = recover(engine, "fake", solve, y, 2, Restarts(4, 0, "normal"))
    assert found.loss.tolist() == [1]
    np.testing.assert_array_equal(found.latent, initial_latents(1, 2, 0, 4, "normal")[2])


def test_more_restarts_never_end_in_a_higher_loss():
    engine = linear_engine(np.eye(3))
    y = np.random.default_rng(0).standard_normal((10, 3)).astype(np.float32)

    def solve(measurements, z0, seconds, progress):
        return proximal(engine, measurements, z0, ProximalOptions(3, 0.1), progress)

    one = recover(engine, "proximal", solve, y, 3, Restarts(1, 0, "normal"))
    five = recover(engine, "proximal", solve, y, 3, Restarts(5, 0, "normal"))
    assert (five.loss <= one.loss).all()
    assert (five.loss < one.loss).any()


def test_rows_do_not_depend_on_the_batch_they_are_in():
    engine = linear_engine(well_conditioned(4))
    y = np.random.default_rng(0).standard_normal((300, 4)).astype(np.float32)
    steps = []

    def solve(measurements, z0, seconds, progress):
        return proximal(engine, measurements, z0, ProximalOptions(5, 0.1), progress)

    together = recover(
        engine, "proximal", solve, y, 4, Restarts(2, 0, "normal"),
        progress=lambda step, total: steps.append((step, total)),
    )  # fmt: skip
    alone = recover(engine, "proximal", solve, y[:1], 4, Restarts(2, 0, "normal"))
    np.testing.assert_allclose(together.history[:, :1], alone.history, rtol=1e-4)
    np.testing.assert_allclose(together.image[:1], alone.image, rtol=1e-4)
    assert steps[-1] == (15, 15)
    assert steps == sorted(steps)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_inf_are_refused(value):
    engine = linear_engine(np.eye(2))
    with pytest.raises(UsageError, match="finite measurements"):
        proximal(engine, np.array([[value, 0]]), np.zeros((1, 2)), ProximalOptions())
    with pytest.raises(UsageError, match="finite start latents"):
        adam(engine, np.zeros((1, 2)), np.array([[value, 0]]), AdamOptions())


def test_batches_that_do_not_fit_are_refused():
    with pytest.raises(UsageError, match="one batch size"):
        proximal(linear_engine(np.eye(2)), np.zeros((2, 2)), np.zeros((1, 2)), ProximalOptions())


@pytest.mark.parametrize(
    "make",
    [
        lambda: ProximalOptions(steps=0),
        lambda: ProximalOptions(step_size=0.0),
        lambda: ProximalOptions(step_size=float("nan")),
        lambda: ProximalOptions(sparsity=0),
        lambda: ProximalOptions(tolerance=1.0),
        lambda: AdamOptions(beta1=1.0),
        lambda: AdamOptions(sparsity=-1),
    ],
)
def test_options_out_of_range_are_refused(make):
    with pytest.raises(UsageError, match="change"):
        make()
