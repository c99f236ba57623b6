"""The line search on functions of one variable."""

import numpy as np
import pytest

from bitprior_runtime.solvers.wolfe import CURVATURE, DECREASE, strong_wolfe

# name -> (f, f'), each with a start where it falls
FUNCTIONS = {
    "parabola": (lambda t: (t - 3) ** 2, lambda t: 2 * (t - 3)),
    "steep": (lambda t: 1e4 * (t - 0.01) ** 2, lambda t: 2e4 * (t - 0.01)),
    "quartic": (lambda t: (t - 2) ** 4 + t, lambda t: 4 * (t - 2) ** 3 + 1),
    "waves": (lambda t: np.cos(3 * t) - t / 3, lambda t: -3 * np.sin(3 * t) - 1 / 3),
    "far": (lambda t: (t / 1000 - 1) ** 2, lambda t: (t / 1000 - 1) / 500),
    # Moré and Thuente (1994), function 1 and 2, beta = 2 and 0.004
    "rational": (lambda t: -t / (t * t + 2), lambda t: (t * t - 2) / (t * t + 2) ** 2),
    "cusp": (
        lambda t: (t + 0.004) ** 5 - 2 * (t + 0.004) ** 4,
        lambda t: 5 * (t + 0.004) ** 4 - 8 * (t + 0.004) ** 3,
    ),
}


def search(function, first):
    f, slope = FUNCTIONS[function]
    trials = []

    def evaluate(z, rows):
        trials.append(rows.tolist())
        return f(z[:, 0]), slope(z)

    start = np.zeros((len(first), 1))
    grad = slope(start)
    found = strong_wolfe(
        evaluate, start, f(start[:, 0]), grad, -np.sign(grad), np.asarray(first, float)
    )
    return f, slope, found, trials


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_step_meets_both_conditions_whatever_the_first_trial(function):
    first = [1e-3, 0.1, 1.0, 10.0, 1e3]
    f, slope, found, _ = search(function, first)
    t, slope0 = found.step, slope(0.0)
    assert slope0 < 0
    assert (t > 0).all()
    assert (f(t) <= f(0.0) + DECREASE * t * slope0).all()
    assert (np.abs(slope(t)) <= CURVATURE * abs(slope0)).all()
    np.testing.assert_allclose(found.f, f(t))
    np.testing.assert_allclose(found.grad[:, 0], slope(t))


def test_only_rows_without_a_step_are_evaluated_again():
    _, _, _, trials = search("parabola", [3.0, 1e-3, 3.0])
    assert trials[0] == [0, 1, 2]
    assert trials[1] == [1]


def test_infinite_values_are_too_high():
    def evaluate(z, rows):
        with np.errstate(invalid="ignore", divide="ignore"):
            return -np.log(1 - z[:, 0]) - 2 * z[:, 0], 1 / (1 - z) - 2  # NaN for z > 1

    one = np.ones((1, 1))
    found = strong_wolfe(evaluate, 0 * one, np.zeros(1), -one, one, np.array([50.0]))
    assert 0 < found.step[0] < 1
    assert found.f[0] < 0


def test_without_a_lower_point_there_is_no_step():
    one = np.ones((1, 1))
    found = strong_wolfe(
        lambda z, rows: (np.abs(z[:, 0]), np.sign(z)), 0 * one, np.zeros(1), -one, one, np.ones(1)
    )
    assert found.step.tolist() == [0]
    assert found.f.tolist() == [0]


def test_a_lower_point_is_taken_when_the_curvature_is_never_met():
    one = np.ones((1, 1))
    found = strong_wolfe(
        lambda z, rows: (-z[:, 0], -np.ones_like(z)), 0 * one, np.zeros(1), -one, one, np.ones(1)
    )
    assert found.step[0] > 1e3
    assert found.f[0] == -found.step[0]
