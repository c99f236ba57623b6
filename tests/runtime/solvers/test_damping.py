"""Levenberg-Marquardt damping by the gain ratio."""

import numpy as np

from bitprior_runtime.solvers.damping import FIRST, Damping

ALL = np.arange(3)
JACOBIAN = np.array([[[1.0, 2.0]], [[3.0, 0.0]], [[0.0, 1.0]]])  # diag(J^T J): 4, 9, 1 at most


def begun(share):
    damping = Damping(3, share)
    damping.begin(JACOBIAN)
    return damping


def test_the_first_weight_is_a_share_of_the_largest_diagonal_entry():
    np.testing.assert_allclose(begun(0.1).weight, [0.4, 0.9, 0.1])


def test_a_later_jacobian_leaves_the_weight_alone():
    damping = begun(0.1)
    damping.begin(10 * JACOBIAN)
    np.testing.assert_allclose(damping.weight, [0.4, 0.9, 0.1])


def test_good_predictions_lower_it_and_poor_ones_raise_it():
    damping = begun(1.0)
    damping.judge(ALL, np.ones(3, bool), np.array([1.0, 0.5, 0.0]))
    np.testing.assert_allclose(damping.weight, [4 / 3, 9, 2])


def test_a_ratio_that_cannot_be_given_counts_as_poor():
    damping = begun(1.0)
    damping.judge(ALL, np.ones(3, bool), np.array([np.nan, -5.0, np.inf]))
    np.testing.assert_allclose(damping.weight, [8, 18, 1 / 3])


def test_failures_in_a_row_raise_it_faster_and_faster():
    damping = begun(1.0)
    failed = np.zeros(1, bool)
    found = []
    for _ in range(3):
        damping.judge(np.array([1]), failed, np.array([-1.0]))
        found.append(damping.weight[1] / 9)
    np.testing.assert_allclose(found, [2, 8, 64])
    np.testing.assert_allclose(damping.weight[[0, 2]], [4, 1])
    damping.begin(JACOBIAN)
    damping.judge(np.array([1]), failed, np.array([-1.0]))
    np.testing.assert_allclose(damping.weight[1] / 9, 128)


def test_without_damping_a_failure_begins_it():
    damping = begun(0.0)
    damping.judge(ALL, np.array([True, False, True]), np.ones(3))
    np.testing.assert_allclose(damping.weight, [0, 2 * FIRST * 9, 0])
