"""The linear estimate without negative light, beside a dense solution; pictures from four sides."""

import numpy as np
import pytest

from bitprior_runtime import load
from bitprior_runtime.camera.camera_file import Camera
from bitprior_runtime.camera.detector import Detector
from bitprior_runtime.camera.nonnegative import nonnegative_tikhonov
from bitprior_runtime.camera.recovering import CameraRecoverer
from bitprior_runtime.camera.turning import MIRRORED, mirrored
from bitprior_runtime.images.likeness import affine_psnr
from bitprior_runtime.sensing import Matrix, Patterns
from bitprior_runtime.sensing.linear_estimate import LinearEstimate

FRAME = (8, 9)
M, NOISE = 30, 0.05


@pytest.fixture(scope="module")
def model():
    return load("photo-4bit")


@pytest.fixture(scope="module")
def bits():
    return np.random.default_rng(3).integers(0, 2, (M, *FRAME), np.uint8)


@pytest.fixture(scope="module")
def beam():
    """A dark scene with one bright bar."""
    found = np.zeros(FRAME, np.float32)
    found[3:5, 1:8] = np.linspace(0.4, 1, 7)
    return found


def readings(bits, scene):
    noise = NOISE * np.random.default_rng(0).standard_normal(len(bits))
    return bits.reshape(len(bits), -1) @ scene.ravel() + noise


def objective(picture, matrix, y, covariance):
    inverse = np.linalg.inv(covariance.between(*FRAME))
    away = picture.ravel() - covariance.mean
    return np.sum((y - matrix @ picture.ravel()) ** 2) / NOISE**2 + away @ inverse @ away


def test_no_step_among_pictures_without_negative_light_is_better(model, bits, beam):
    covariance = model.bundle.search.covariance
    matrix = bits.reshape(M, -1).astype(np.float64)
    y = readings(bits, beam)
    linear = LinearEstimate(Matrix(matrix, FRAME), covariance, NOISE)
    asked = y[np.newaxis].astype(np.float32)
    found = nonnegative_tikhonov(linear, covariance, asked, steps=3000)[0, 0].astype(np.float64)
    assert found.min() >= 0
    best = objective(found, matrix, y, covariance)
    mean = np.full((1, 1, *FRAME), covariance.mean, np.float32)
    free = (mean + linear.estimate(asked - linear.operator.forward(mean)))[0, 0]
    assert free.min() < -0.01
    clipped = objective(np.maximum(free, 0).astype(np.float64), matrix, y, covariance)
    assert best < clipped
    random = np.random.default_rng(1)
    for size in (0.003, 0.03):
        for _ in range(50):
            other = np.maximum(found + size * random.standard_normal(FRAME), 0)
            assert objective(other, matrix, y, covariance) > best * (1 - 1e-3)


def test_an_estimate_that_is_positive_everywhere_stays(model, bits):
    covariance = model.bundle.search.covariance
    linear = LinearEstimate(Matrix(bits.reshape(M, -1), FRAME), covariance, NOISE)
    y = linear.operator.forward(np.full((1, 1, *FRAME), 0.5, np.float32))
    mean = np.full((1, 1, *FRAME), covariance.mean, np.float32)
    free = mean + linear.estimate(y - linear.operator.forward(mean))
    assert free.min() > 0
    assert np.allclose(nonnegative_tikhonov(linear, covariance, y), free, atol=1e-6)


@pytest.mark.parametrize("view", MIRRORED)
def test_the_estimate_of_a_mirrored_operator_is_the_mirrored_estimate(model, bits, view):
    covariance = model.bundle.search.covariance
    operator = Patterns(bits)
    linear = LinearEstimate(operator, covariance, NOISE)
    turned, moved = mirrored(linear, operator, view)
    own = LinearEstimate(turned, covariance, NOISE)
    r = np.random.default_rng(0).standard_normal((2, M)).astype(np.float32)
    assert np.allclose(moved.estimate(r), own.estimate(r), atol=1e-4)
    assert np.allclose(moved.pulled(r, 0.3, 0.7), own.pulled(r, 0.3, 0.7), atol=1e-3)
    assert np.allclose(moved.deviation, own.deviation, atol=1e-4)
    assert np.allclose(turned.as_written(turned.shown(r[0][:, None])), r[0][:, None])


def test_four_sides_and_a_white_level_help_with_a_dark_scene(model, tmp_path, beam):
    random = np.random.default_rng(7)
    one, four = [], []
    for number in range(4):
        bits = random.integers(0, 2, (M, *FRAME), np.uint8)
        name = f"p{number}.npy"
        np.save(tmp_path / name, bits)
        detector = Detector(offset=0.0, noise="gaussian", noise_sigma=NOISE)
        camera = Camera(f"patterns:{name}", FRAME, detector, folder=tmp_path)
        values = readings(bits, beam)
        for mirrors, scores in ((False, one), (True, four)):
            recoverer = CameraRecoverer(model, camera, mirrors=mirrors)
            found = recoverer.recover(values)
            assert found.image.max() <= 1
            scores.append(affine_psnr(found.image[0, 0], beam))
            clipped = recoverer.recover(values, "tikhonov", nonnegative=True)
            assert clipped.image.min() >= 0
    assert np.mean(four) > np.mean(one)
