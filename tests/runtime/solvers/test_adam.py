"""Adam on the latent."""

import numpy as np
import pytest

from bitprior_runtime.errors import UsageError
from bitprior_runtime.solvers import AdamOptions, adam, initial_latents
from builders.problems import linear_engine, perceptron_engine, perceptrons, well_conditioned


def test_adam_takes_a_first_step_of_its_step_size():
    engine = linear_engine(np.diag([1.0, 2.0]))
    z0, y = np.zeros((1, 2), np.float32), np.array([[1, -1]], np.float32)
    solution = adam(engine, y, z0, AdamOptions(steps=1, step_size=0.1))
    np.testing.assert_allclose(solution.latent, [[0.1, -0.1]], rtol=1e-5)


def test_a_linear_problem_is_solved():
    truth = np.random.default_rng(1).standard_normal((5, 6)).astype(np.float32)
    engine = linear_engine(well_conditioned(6))
    options = AdamOptions(1500, 0.02)
    solution = adam(engine, engine.sense(truth), np.zeros_like(truth), options)
    np.testing.assert_allclose(solution.latent, truth, atol=2e-3)
    assert solution.history.shape == (1501, 5)
    np.testing.assert_array_equal(solution.history[-1], solution.loss)


def test_a_row_goes_on_as_before_when_others_have_left():
    engine = perceptron_engine(perceptrons(), np.float64)
    y = np.random.default_rng(0).standard_normal((9, 20))
    z0 = initial_latents(9, 20, 0)[0].astype(np.float64)
    free = adam(engine, y, z0, AdamOptions(60, 0.03))
    stopping = adam(engine, y, z0, AdamOptions(60, 0.03, tolerance=0.01))
    assert len(set(stopping.steps)) > 2
    for row, steps in enumerate(stopping.steps):
        np.testing.assert_allclose(
            stopping.history[: steps + 1, row], free.history[: steps + 1, row], rtol=1e-9
        )


@pytest.mark.parametrize(
    "bad",
    [{"beta1": 1.0}, {"beta2": -0.1}, {"epsilon": 0.0}, {"sparsity": -1}, {"tolerance": -1.0}],
)
def test_options_out_of_range_are_refused(bad):
    with pytest.raises(UsageError, match="change"):
        AdamOptions(**bad)
