"""From measurements to images: restarts, batches, time, warm starts."""

import time
from dataclasses import replace

import numpy as np
import pytest

from bitprior_runtime.errors import CheckFailedError, UsageError
from bitprior_runtime.recovery import Restarts, check_starts, recover
from bitprior_runtime.solvers import ProximalOptions, initial_latents, proximal
from builders.problems import linear_engine, well_conditioned

ONE, FIVE = Restarts(1, 0, "normal"), Restarts(5, 0, "normal")


def solver(engine, steps=3, tolerance=0.0):
    """Return the proximal solver as ``recover`` calls it."""

    def solve(measurements, z0, seconds, progress):
        options = ProximalOptions(steps, 0.1, tolerance=tolerance, max_seconds=seconds)
        return proximal(engine, measurements, z0, options, progress)

    return solve


def measurements(rows, m, seed=0):
    return np.random.default_rng(seed).standard_normal((rows, m)).astype(np.float32)


def test_the_lowest_measurement_loss_wins_and_nan_never_does():
    engine = linear_engine(np.eye(2))
    losses = np.array([3, np.nan, 1, 2], np.float32)

    def solve(y, z0, seconds, progress):
        solution = solver(engine, 1)(y, z0, seconds, progress)
        return replace(
            solution, latent=z0, loss=losses, history=np.tile(losses, (2, 1)),
            steps=np.array([10, 20, 30, 40]), evaluations=np.array([1, 2, 4, 8]),
        )  # fmt: skip

    restarts = Restarts(4, 0, "normal")
    found = recover(engine, "fake", solve, np.ones((1, 2), np.float32), 2, restarts)
    assert found.loss.tolist() == [1]
    np.testing.assert_array_equal(found.latent, initial_latents(1, 2, 0, 4, "normal")[2])
    assert found.steps.tolist() == [30]  # of the one that won
    assert found.evaluations.tolist() == [15]  # of all


def test_more_restarts_never_end_in_a_higher_loss():
    engine, y = linear_engine(np.eye(3)), measurements(10, 3)
    one = recover(engine, "proximal", solver(engine), y, 3, ONE)
    five = recover(engine, "proximal", solver(engine), y, 3, FIVE)
    assert (five.loss <= one.loss).all()
    assert (five.loss < one.loss).any()


def test_rows_do_not_depend_on_the_batch_they_are_in():
    engine, y = linear_engine(well_conditioned(4)), measurements(300, 4)
    told = []
    restarts = Restarts(2, 0, "normal")
    together = recover(
        engine, "proximal", solver(engine, 5), y, 4, restarts,
        progress=lambda step, total: told.append((step, total)),
    )  # fmt: skip
    alone = recover(engine, "proximal", solver(engine, 5), y[:1], 4, restarts)
    np.testing.assert_allclose(together.history[:, :1], alone.history, rtol=1e-4)
    np.testing.assert_allclose(together.image[:1], alone.image, rtol=1e-4)
    assert told[-1] == (15, 15)
    assert told == sorted(told)


def test_batches_that_end_after_different_steps_give_one_history():
    wide = np.hstack([well_conditioned(4), np.zeros((4, 2))])  # two measurements cannot be met
    engine, y = linear_engine(wide), measurements(6, 6)
    restarts = Restarts(1, 0, "zero")
    found = recover(engine, "proximal", solver(engine, 200, 1e-2), y, 4, restarts, max_rows=2)
    assert len(found.history) == found.steps.max() + 1
    assert len(set(found.steps)) > 1
    np.testing.assert_array_equal(found.history[-1], found.loss)
    whole = recover(engine, "proximal", solver(engine, 200, 1e-2), y, 4, restarts)
    np.testing.assert_array_equal(found.steps, whole.steps)
    np.testing.assert_allclose(found.latent, whole.latent, rtol=1e-4, atol=1e-6)


def test_restarts_stay_together_in_batches_of_bounded_size_unless_they_are_more():
    engine, y = linear_engine(np.eye(3)), measurements(5, 3)
    sizes = []

    def solve(rows, z0, seconds, progress):
        sizes.append(len(rows))
        return solver(engine)(rows, z0, seconds, progress)

    recover(engine, "proximal", solve, y, 3, FIVE, max_rows=12)
    recover(engine, "proximal", solve, y, 3, FIVE, max_rows=1)
    assert sizes == [10, 10, 5] + [1] * 25


def test_every_batch_gets_its_share_of_the_time():
    engine, y = linear_engine(np.eye(3)), measurements(4, 3)
    given = []

    def solve(rows, z0, seconds, progress):
        given.append(seconds)
        time.sleep(0.05 if len(given) == 1 else 0)
        return solver(engine)(rows, z0, seconds, progress)

    recover(engine, "proximal", solve, y, 3, ONE, max_rows=1, max_seconds=40.0)
    assert 9.9 < given[0] <= 10
    # What the first did not use is shared by the rest.
    assert 13.2 < given[1] < 13.33
    assert given == sorted(given)


def test_when_the_time_is_used_up_the_last_batches_still_take_a_step():
    engine, y = linear_engine(np.eye(3)), measurements(3, 3)
    found = recover(engine, "proximal", solver(engine, 9), y, 3, ONE, max_rows=1, max_seconds=1e-6)
    assert found.steps.tolist() == [1, 1, 1]


def test_a_warm_start_is_where_the_first_restart_begins():
    engine, y = linear_engine(np.eye(3)), measurements(4, 3)
    near = (y + np.float32(0.01)).astype(np.float32)
    for count in (1, 3):
        restarts = Restarts(count, 0, "normal", near)
        (drawn,) = restarts.drawn(3, y, 4)
        np.testing.assert_array_equal(drawn[0], near)
        np.testing.assert_array_equal(drawn[1:], initial_latents(4, 3, 0, count, "normal")[1:])
        found = recover(engine, "proximal", solver(engine), y, 3, restarts)
        np.testing.assert_allclose(found.history[0], 3e-4, rtol=1e-3)


def test_a_mirrored_restart_starts_at_both_signs():
    restarts = Restarts(2, 0, "normal", mirrored=True)
    y = measurements(3, 4)
    (z0,) = restarts.drawn(4, y, 3)
    assert z0.shape == (4, 3, 4)
    np.testing.assert_array_equal(z0[:2], next(Restarts(2, 0, "normal").drawn(4, y, 3)))
    np.testing.assert_array_equal(z0[2:], -z0[:2])


def test_of_mirrored_starts_the_lower_loss_wins():
    engine = linear_engine(np.eye(4))
    start = np.array([[1, 2, 3, 4]], np.float32)
    one_step = solver(engine, 1)
    plain = Restarts(1, 0, "normal", start)
    found = recover(engine, "proximal", one_step, -start, 4, replace(plain, mirrored=True))
    assert found.loss[0] == 0
    assert recover(engine, "proximal", one_step, -start, 4, plain).loss[0] > 0


@pytest.mark.parametrize("kind", ["unit-normal", "normal", "clamped-normal", "zero", "measurement"])
@pytest.mark.parametrize("mirrored", [False, True])
def test_latents_are_drawn_part_by_part_as_they_would_be_at_once(kind, mirrored):
    y = measurements(7, 3)
    restarts = Restarts(5, 3, kind, mirrored=mirrored)
    whole = initial_latents(7, 3, 3, 5, kind, y)
    (at_once,) = restarts.drawn(3, y, 7)
    np.testing.assert_array_equal(at_once[:5], whole)
    for most in (1, 4, 100):
        groups = restarts.groups(most)
        assert all(group.starts <= max(most, 2) for group in groups)
        parts = [np.concatenate(list(group.drawn(3, y, 2)), axis=1) for group in groups]
        ends = [len(part) // (2 if mirrored else 1) for part in parts]
        pairs = zip(parts, ends, strict=True)
        np.testing.assert_array_equal(np.concatenate([part[:end] for part, end in pairs]), whole)


def test_restarts_in_groups_end_where_they_would_together():
    engine, y = linear_engine(well_conditioned(4)), measurements(6, 4)
    nine = Restarts(9, 0, "normal")
    together = recover(engine, "proximal", solver(engine), y, 4, nine, max_rows=100)
    apart = recover(engine, "proximal", solver(engine), y, 4, nine, max_rows=4)
    np.testing.assert_allclose(apart.loss, together.loss, rtol=1e-4)
    np.testing.assert_allclose(apart.latent, together.latent, rtol=1e-3, atol=1e-6)
    np.testing.assert_array_equal(apart.evaluations, together.evaluations)
    assert apart.history.shape == together.history.shape


def test_a_hundred_thousand_restarts_end_when_their_time_is_up():
    engine, y = linear_engine(np.eye(3)), measurements(2, 3)
    many = Restarts(100_000, 0, "normal")
    begin = time.process_time()  # other work on the machine is not its own
    found = recover(engine, "proximal", solver(engine), y, 3, many, max_seconds=0.2)
    assert time.process_time() - begin < 0.2 + 0.5
    assert np.isfinite(found.loss).all()
    assert (found.evaluations > 0).all()


def test_what_is_not_finite_is_an_error_and_never_a_picture():
    engine = linear_engine(np.eye(2))
    y = np.full((2, 2), 3e38, np.float32)
    y[0] = 0.5
    with pytest.raises(CheckFailedError, match=r"finite losses.*1 of 2 rows"):
        recover(engine, "proximal", solver(engine), y, 2, ONE)


@pytest.mark.parametrize(
    ("restarts", "seed"), [(1.5, 0), (True, 0), (10**9, 0), (0, 0), (1, 1.5), (1, -1), ("2", 0)]
)
def test_restarts_and_seed_are_whole_numbers_in_range(restarts, seed):
    with pytest.raises(UsageError, match="a whole number of at most"):
        check_starts(restarts, seed)
