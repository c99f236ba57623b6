import numpy as np
import pytest
import torch

from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing import Blocks, Matrix
from bitprior_runtime.sensing.linear_estimate import LinearEstimate, linear_gain, written_out
from bitprior_train.photo.problem import make_problem
from builders.searching import made_up_covariance, made_up_photos

COVARIANCE = made_up_covariance()


def rows(m: int, n: int) -> np.ndarray:
    return np.random.default_rng(m).standard_normal((m, n)) / np.sqrt(n)


@pytest.mark.parametrize("noise", [0.0, 0.05])
@pytest.mark.parametrize("frame", [(33, 33), (66, 66), (70, 51), (50, 66), (67, 33)])
def test_it_is_what_the_training_uses(frame: tuple[int, int], noise: float) -> None:
    a = rows(20, 33 * 33).astype(np.float32)
    problem = make_problem(a.astype(np.float64), 33, frame, noise, COVARIANCE)
    found = LinearEstimate(Blocks(a, 33, frame), COVARIANCE, noise)
    inside = np.s_[..., : frame[0], : frame[1]]
    np.testing.assert_allclose(found.deviation, problem.deviation[0, 0][inside], atol=1e-5)
    np.testing.assert_allclose(found.features, problem.features, atol=1e-5)
    y = np.random.default_rng(0).standard_normal((2, found.operator.size), np.float32)
    whole = torch.from_numpy(y).reshape(2, -1, 20)
    for mine, theirs in ((found.estimate, problem.gain), (found.inverse, problem.inverse)):
        wanted = problem.back(theirs, whole)[inside]
        np.testing.assert_allclose(mine(y), wanted, atol=1e-5)
    mixed = problem.back(0.3 * problem.inverse - 0.7 * problem.gain, whole)[inside]
    np.testing.assert_allclose(found.pulled(y, 0.3, -0.7), mixed, atol=1e-5)


def test_large_blocks_have_the_same_gains_without_their_covariance() -> None:
    frame = (48, 40)
    a = rows(30, 48 * 40).astype(np.float32)
    whole = linear_gain(a, COVARIANCE.between(*frame), 0.02)
    found = LinearEstimate(Matrix(a, frame), COVARIANCE, 0.02)
    y = np.random.default_rng(0).standard_normal((1, 30), np.float32)
    np.testing.assert_allclose(found.estimate(y).ravel(), whole.gain @ y[0], atol=1e-5)
    np.testing.assert_allclose(found.deviation.ravel(), whole.deviation, atol=1e-5)


def test_it_is_nearer_to_the_photo_than_the_pseudo_inverse() -> None:
    photo = made_up_photos(1, 60, 50, seed=5)
    operator = Blocks(rows(60, 256), 16, (60, 50))
    linear = LinearEstimate(operator, COVARIANCE)
    y = operator.forward(photo - np.float32(COVARIANCE.mean))
    errors = [
        np.mean((back(y) + np.float32(COVARIANCE.mean) - photo) ** 2)
        for back in (linear.estimate, linear.inverse)
    ]
    assert errors[0] < 0.3 * errors[1]


def test_blocks_whose_rows_see_no_pixel_of_the_frame_are_left_as_they_are() -> None:
    rows_below = np.eye(16)[12:]  # the last row of a block
    linear = LinearEstimate(Blocks(rows_below, 4, (5, 4)), COVARIANCE)
    np.testing.assert_allclose(linear.deviation[4], COVARIANCE.deviation, rtol=1e-5)
    assert np.isfinite(linear.estimate(np.ones((1, 8), np.float32))).all()


def test_an_operator_of_another_kind_is_written_out_whatever_its_rows_see() -> None:
    blocks = Blocks(rows(5, 16), 4, (9, 7))

    class Plain:
        frame, size = blocks.frame, blocks.size
        forward, adjoint = blocks.forward, blocks.adjoint

    x = made_up_photos(2, 9, 7)
    np.testing.assert_allclose(written_out(Plain()).forward(x), blocks.forward(x), atol=1e-5)


@pytest.mark.parametrize("noise", [-0.1, np.nan, np.inf])
def test_noise_that_is_no_deviation_is_refused(noise: float) -> None:
    with pytest.raises(UsageError, match="noise from 0"):
        LinearEstimate(Blocks(rows(5, 16), 4, (8, 8)), COVARIANCE, noise)
