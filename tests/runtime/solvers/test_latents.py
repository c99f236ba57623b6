"""Start latents and the hard threshold."""

import numpy as np
import pytest

from bitprior_runtime.errors import UsageError
from bitprior_runtime.solvers import hard_threshold, initial_latents


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


def test_clamped_normal_latents_are_clipped_not_drawn_anew():
    free = initial_latents(500, 20, 0, kind="normal")
    clamped = initial_latents(500, 20, 0, kind="clamped-normal")
    np.testing.assert_array_equal(clamped, np.clip(free, -1, 1))
    # 31.7 % of N(0,1) lies outside of [-1,1]
    assert (np.abs(clamped) == 1).mean() == pytest.approx(0.317, abs=0.02)


def test_a_latent_that_starts_at_the_measurement_is_it_and_restarts_are_of_its_size():
    y = np.random.default_rng(0).normal(0, 3, (4, 500)).astype(np.float32)
    z = initial_latents(4, 500, 0, 3, "measurement", y)
    assert z.dtype == np.float32
    np.testing.assert_array_equal(z[0], y)
    ratio = np.sqrt(np.square(z[1:]).mean(axis=2) / np.square(y).mean(axis=1))
    assert np.abs(ratio - 1).max() < 0.15
    assert not np.array_equal(z[1], z[2])


@pytest.mark.parametrize("y", [None, np.zeros((4, 5), np.float32)])
def test_a_start_at_the_measurement_needs_one_of_the_latents_size(y):
    with pytest.raises(UsageError, match="6 measurements to start at"):
        initial_latents(4, 6, 0, kind="measurement", y=y)
