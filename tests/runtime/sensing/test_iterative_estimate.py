"""The linear estimate by conjugate gradients against the one by matrices."""

import numpy as np
import pytest

from bitprior_runtime.errors import UsageError
from bitprior_runtime.model import load
from bitprior_runtime.sensing import Hadamard, Matrix, Operator, Patterns, Rows, Weighted
from bitprior_runtime.sensing import linear_estimate as by_matrix
from bitprior_runtime.sensing.iterative_estimate import IterativeEstimate
from bitprior_runtime.sensing.linear_estimate import LinearEstimate, fits
from builders.searching import made_up_photos

# That of photos: made-up ones know each other too well over any distance.
COVARIANCE = load("photo-4bit").bundle.search.covariance
FRAME = (16, 32)
PHOTOS = made_up_photos(2, *FRAME, seed=4) - np.float32(COVARIANCE.mean)
RANDOM = np.random.default_rng(0)
BITS = RANDOM.integers(0, 2, (200, *FRAME), dtype=np.uint8)
OPERATORS: dict[str, Operator] = {
    "low sequencies": Hadamard(FRAME, m=100),
    "ones and zeros": Hadamard(FRAME, m=100, values="01"),
    "random patterns of Hadamard": Hadamard(FRAME, RANDOM.permutation(512)[:150]),
    "bits": Patterns(BITS),
    "signs": Patterns(2.0 * BITS - 1),
    "gaussian": Matrix(RANDOM.standard_normal((120, 512)), FRAME),
    "weights": Weighted(Hadamard(FRAME, m=100), RANDOM.random(100) + 0.05),
    "one reading": Hadamard(FRAME, m=1),
    "a row of zeros": Patterns(BITS[:40] * (np.arange(40) != 7)[:, np.newaxis, np.newaxis]),
    "repeated": Rows(Hadamard(FRAME, m=60), np.arange(90) % 60),
}


@pytest.mark.parametrize("kind", OPERATORS)
def test_it_is_the_estimate_by_matrices(kind: str) -> None:
    operator = OPERATORS[kind]
    noise = 0.02 * float(np.sqrt(np.mean(operator.forward(PHOTOS) ** 2)))
    wanted = LinearEstimate(operator, COVARIANCE, noise)
    found = IterativeEstimate(operator, COVARIANCE, noise)
    r = operator.forward(PHOTOS)
    r = r + np.float32(noise) * RANDOM.standard_normal(r.shape, np.float32)
    estimate, error = wanted.estimate(r), np.linalg.norm(wanted.estimate(r) - PHOTOS)
    assert np.linalg.norm(found.estimate(r) - estimate) < 0.15 * error
    inverse = wanted.inverse(r)
    assert np.linalg.norm(found.inverse(r) - inverse) < 0.02 * np.linalg.norm(inverse)
    np.testing.assert_allclose(found.features, wanted.features, atol=0.3)
    assert np.abs(np.log(found.deviation / wanted.deviation)).mean() < 0.2
    mixed = 0.3 * found.inverse(r) - 0.7 * found.estimate(r)
    scale = np.abs(mixed).max()
    np.testing.assert_allclose(found.pulled(r, 0.3, -0.7), mixed, atol=1e-5 * scale)


def test_without_noise_it_explains_the_measurements() -> None:
    operator = OPERATORS["low sequencies"]
    found = IterativeEstimate(operator, COVARIANCE)
    r = operator.forward(PHOTOS)
    left = operator.forward(found.estimate(r)) - r
    assert np.linalg.norm(left) < 0.01 * np.linalg.norm(r)
    np.testing.assert_allclose(operator.forward(found.inverse(r)), r, atol=1e-3)
    assert found.features[2] == 0


def test_it_is_the_same_again_and_for_each_row_and_channel_by_itself() -> None:
    operator = OPERATORS["signs"]
    first, again = (IterativeEstimate(operator, COVARIANCE, 0.1) for _ in range(2))
    np.testing.assert_array_equal(first.deviation, again.deviation)
    r = operator.forward(PHOTOS)
    np.testing.assert_array_equal(first.estimate(r), again.estimate(r))
    colour = first.estimate(r.reshape(1, -1))
    assert colour.shape == (1, 2, *FRAME)
    np.testing.assert_allclose(colour[0], first.estimate(r)[:, 0], atol=1e-3)
    apart = np.concatenate([first.estimate(r[:1]), first.estimate(r[1:])])
    np.testing.assert_allclose(apart, first.estimate(r), atol=5e-3)


def test_no_signal_gives_nothing() -> None:
    found = IterativeEstimate(OPERATORS["bits"], COVARIANCE, 0.1)
    assert not found.estimate(np.zeros((1, 200), np.float32)).any()


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_more_patterns_than_pixels_have_an_estimate_too(noise: float) -> None:
    frame = (6, 5)
    stack = RANDOM.integers(0, 2, (90, *frame), dtype=np.uint8)
    stack[50:60] = stack[0]
    photos = made_up_photos(2, *frame, seed=1) - np.float32(COVARIANCE.mean)
    operator = Patterns(stack)
    r = operator.forward(photos) + np.float32(noise) * RANDOM.standard_normal((2, 90))
    found = LinearEstimate(operator, COVARIANCE, noise)
    c, a = COVARIANCE.between(*frame), stack.reshape(90, -1).astype(np.float64)
    signal = a @ c @ a.T
    added = noise**2 + by_matrix.FLOOR * np.trace(signal) / 90
    gain = c @ a.T @ np.linalg.inv(signal + added * np.eye(90))
    np.testing.assert_allclose(
        found.estimate(r.astype(np.float32)).reshape(2, -1), r @ gain.T, atol=2e-3
    )
    left = np.sqrt(np.diag(c - gain @ a @ c).clip(0))
    np.testing.assert_allclose(found.deviation.ravel(), left, atol=1e-3)
    white = COVARIANCE.deviation**2 * a.T
    solved = np.linalg.inv(a @ white + (noise**2 + by_matrix.FLOOR * np.trace(a @ white) / 90)
                           * np.eye(90))  # fmt: skip
    inverse = found.inverse(r.astype(np.float32)).reshape(2, -1)
    np.testing.assert_allclose(inverse, r @ (white @ solved).T, atol=2e-3)


def test_made_up_photos_have_nearly_the_covariance() -> None:
    random = np.random.default_rng(0)
    signs = lambda shape: random.integers(0, 2, shape) * 2.0 - 1  # noqa: E731
    drawn = np.array([COVARIANCE.drawn(signs, (12, 20)) for _ in range(300)])
    found = np.cov(drawn.reshape(300, -1).T)
    wanted = COVARIANCE.between(12, 20)
    scale = wanted[0, 0]
    np.testing.assert_allclose(np.diag(found), scale, rtol=0.25)
    near = np.abs(found - wanted)[0].reshape(12, 20)[:4, :4]
    assert near.max() < 0.2 * scale


def test_beyond_its_table_the_covariance_is_one_of_some_images() -> None:
    """The table's continuation is not: of all patterns the steps would lead nowhere."""
    c = COVARIANCE.positive(96, 70)
    images = np.random.default_rng(3).standard_normal((4, 96, 70)).astype(np.float32)
    images[1:3] = np.cos(np.arange(70) * np.array([[[1.3]], [[np.pi]]]))
    assert (np.sum(images * c.times(images), axis=(1, 2)) > 0).all()
    operator = Hadamard((128, 128))
    photo = made_up_photos(1, 128, 128) - np.float32(COVARIANCE.mean)
    found = IterativeEstimate(operator, COVARIANCE, 0.5)
    assert np.sqrt(np.mean((found.estimate(operator.forward(photo)) - photo) ** 2)) < 0.01


def test_small_operators_are_written_out_and_large_ones_are_not() -> None:
    assert fits(Hadamard((32, 32), m=200))
    assert not fits(Hadamard((64, 64), m=1024))
    assert fits(Patterns(np.ones((1024, 64, 64), np.uint8)))
    assert fits(Rows(Patterns(np.ones((1024, 64, 64), np.uint8)), np.arange(1000)))
    assert not fits(Patterns(np.full((4096, 2048), 255, np.uint8), (128, 128), "01"))


@pytest.mark.parametrize("noise", [-0.1, np.nan, np.inf])
def test_noise_that_is_no_deviation_is_refused(noise: float) -> None:
    with pytest.raises(UsageError, match="noise from 0 to"):
        IterativeEstimate(OPERATORS["bits"], COVARIANCE, noise)
