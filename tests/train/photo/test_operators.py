"""Random sensing operators: rows, problems on frames, draws."""

import numpy as np
import pytest
import torch

from bitprior_runtime.sensing import Blocks
from bitprior_runtime.sensing.covariance import Covariance
from bitprior_runtime.sensing.linear_estimate import LinearEstimate
from bitprior_train.photo.operators import draw_problem
from bitprior_train.photo.problem import make_problem
from bitprior_train.photo.rows import KINDS, Make, gaussian


@pytest.fixture(scope="module")
def covariance() -> Covariance:
    lags = np.hypot(*np.indices((40, 40)))
    return Covariance(0.45, (0.05 * np.exp(-lags / 8)).astype(np.float32))


@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
def test_rows_of_every_kind_are_independent_and_others_for_another_seed(make: Make) -> None:
    rows = make(np.random.default_rng(0), 16, 20)
    assert rows.shape[1] == 256
    assert 1 <= len(rows) <= 40
    assert np.linalg.matrix_rank(rows) == len(rows)
    again, other = (make(np.random.default_rng(seed), 16, 20) for seed in (0, 1))
    assert np.array_equal(rows, again)
    drawn = make.__name__ not in ("low_walsh", "low_cosine")
    assert np.array_equal(rows, other) != drawn


def test_the_shares_of_the_kinds_add_up_to_one() -> None:
    assert sum(share for share, _ in KINDS.values()) == pytest.approx(1)


@pytest.mark.parametrize("frame", [(16, 24), (13, 21), (9, 8)])
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_a_problem_is_what_the_runtime_makes_of_the_same_blocks(
    frame: tuple[int, int], noise: float, covariance: Covariance
) -> None:
    matrix = gaussian(np.random.default_rng(0), 8, 20)
    problem = make_problem(matrix, 8, frame, noise, covariance)
    operator = Blocks(matrix, 8, frame)
    linear = LinearEstimate(operator, covariance, noise)
    x = np.random.default_rng(1).random((2, 1, *frame), dtype=np.float32)
    canvas = torch.nn.functional.pad(torch.from_numpy(x), (0, frame[1] % 2, 0, frame[0] % 2))
    y = problem.measure(canvas)
    np.testing.assert_allclose(y.flatten(1).numpy(), operator.forward(x), rtol=1e-5, atol=1e-5)
    inside = np.s_[:, :, : frame[0], : frame[1]]
    for gain, expected in ((problem.gain, linear.estimate), (problem.inverse, linear.inverse)):
        found = problem.back(gain, y).numpy()
        np.testing.assert_allclose(
            found[inside], expected(y.flatten(1).numpy()), rtol=1e-4, atol=1e-4
        )
        found[inside] = 0
        assert not found.any()  # nothing beyond the frame
    np.testing.assert_allclose(problem.features.numpy(), linear.features, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        problem.deviation.numpy()[inside][0, 0], linear.deviation, rtol=1e-4, atol=1e-5
    )


def test_draws_are_a_function_of_the_random_generator_and_differ(covariance: Covariance) -> None:
    first, again, other = (
        draw_problem(np.random.default_rng(seed), covariance) for seed in (3, 3, 4)
    )
    assert torch.equal(first.matrix, again.matrix)
    assert first.frame == again.frame
    assert first.matrix.shape != other.matrix.shape or not torch.equal(first.matrix, other.matrix)
    for problem in (first, other):
        assert max(problem.frame) <= 99
        assert all(t.isfinite().all() for t in (problem.gain, problem.inverse, problem.features))
