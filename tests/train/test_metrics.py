"""PSNR, SSIM and the linear yardsticks."""

import numpy as np
import pytest

from bitprior_runtime.errors import UsageError
from bitprior_train.baselines import fit_principal_components
from bitprior_train.metrics import mean_of, psnr, ssim


def images(count=3, shape=(1, 16, 16), seed=0):
    return np.random.default_rng(seed).random((count, *shape), dtype=np.float32)


def test_psnr_of_a_known_error():
    truth = np.full((2, 1, 4, 4), 0.5, np.float32)
    np.testing.assert_allclose(psnr(truth + np.float32(0.1), truth), 20, rtol=1e-5)


def test_psnr_of_equal_images_is_infinite():
    assert np.isinf(psnr(images(), images())).all()


def test_psnr_clips_what_a_screen_would_clip():
    truth = np.ones((1, 1, 4, 4), np.float32)
    assert np.isinf(psnr(truth * 3, truth)).all()


def test_psnr_is_per_image():
    truth = np.zeros((2, 1, 4, 4), np.float32)
    found = truth + np.array([0.1, 0.01], np.float32).reshape(2, 1, 1, 1)
    np.testing.assert_allclose(psnr(found, truth), [20, 40], rtol=1e-5)


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32)])
def test_ssim_is_1_for_equal_images_and_falls_with_noise(shape):
    truth = images(shape=shape)
    np.testing.assert_allclose(ssim(truth, truth), 1, rtol=1e-6)
    slightly, badly = (np.clip(truth + s * images(shape=shape, seed=1), 0, 1) for s in (0.1, 0.8))
    assert (ssim(badly, truth) < ssim(slightly, truth)).all()
    assert (ssim(slightly, truth) < 1).all()


def test_shapes_must_agree():
    for metric in (psnr, ssim):
        with pytest.raises(UsageError, match="one shape"):
            metric(images(2), images(3))


def test_a_mean_has_its_95_percent_interval():
    found = mean_of(np.array([1.0, 2.0, 3.0, 4.0]))
    assert found.mean == 2.5
    assert found.half_width == pytest.approx(1.96 * np.std([1, 2, 3, 4], ddof=1) / 2)
    assert found.count == 4
    assert mean_of(np.array([1.0])).half_width == 0


def test_all_components_give_the_image_back_and_none_the_mean():
    train = images(50, (1, 2, 3))
    linear = fit_principal_components(train, 6)
    np.testing.assert_allclose(linear.project(train, 6), train, atol=1e-5)
    mean = np.broadcast_to(train.mean(axis=0), train.shape)
    np.testing.assert_allclose(linear.project(train, 0), mean, atol=1e-5)


def test_components_are_orthonormal_and_strongest_first():
    train = images(200, (1, 3, 3)) * np.linspace(1, 3, 9, dtype=np.float32).reshape(1, 1, 3, 3)
    linear = fit_principal_components(train, 9)
    np.testing.assert_allclose(linear.components @ linear.components.T, np.eye(9), atol=1e-10)
    errors = [np.square(linear.project(train, count) - train).sum() for count in range(10)]
    assert errors == sorted(errors, reverse=True)
    gains = -np.diff(errors)
    assert (np.diff(gains) <= 1e-3).all()


@pytest.mark.parametrize("count", [0, 7])
def test_a_wrong_number_of_components_is_refused(count):
    with pytest.raises(UsageError, match="1 to 6 components"):
        fit_principal_components(images(9, (1, 2, 3)), count)


def test_more_components_than_were_fitted_are_refused():
    linear = fit_principal_components(images(9, (1, 2, 3)), 2)
    with pytest.raises(UsageError, match="0 to 2 components"):
        linear.project(images(1, (1, 2, 3)), 3)
