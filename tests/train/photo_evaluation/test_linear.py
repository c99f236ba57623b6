"""What a prior is compared with: the linear decoders and the principal components of blocks."""

import numpy as np
import pytest

from bitprior_runtime.sensing.blocks import Blocks
from bitprior_runtime.sensing.covariance import covariance_of
from bitprior_train.photo_evaluation.linear import (
    INVERSE,
    LINEAR,
    BlockComponents,
    decode_linearly,
)
from bitprior_train.photo_evaluation.measuring import Measured, Sensing, measure
from builders.photo_files import SIDE, smooth

FRAME = (10, 9)


@pytest.fixture(scope="module")
def training():
    random = np.random.default_rng(0)
    return np.stack([smooth(random, 40, 40) for _ in range(24)])


@pytest.fixture(scope="module")
def photo():
    return smooth(np.random.default_rng(99), *FRAME)[None, None].astype(np.float32) / 255


def error(image, photo):
    return float(np.square(image - photo).mean())


def test_the_linear_estimate_beats_the_pseudo_inverse_and_both_have_the_measurements(
    training, photo
):
    sensing = Sensing(f"gaussian-blocks:m=6,size={SIDE},seed=1")
    operator = sensing.at(FRAME)
    measured = measure(sensing, operator, photo[0, 0], 0)
    found = decode_linearly(operator, covariance_of(training / 255, 12), [measured])
    for images in found.values():
        np.testing.assert_allclose(operator.forward(images[0]), measured.y, atol=2e-3)
    assert error(found[LINEAR][0], photo) < 0.3 * error(found[INVERSE][0], photo)


def test_all_components_give_the_photo_back_and_fewer_are_the_projection_inside(training, photo):
    components = BlockComponents(training, (SIDE, SIDE))
    measured = [Measured(photo, np.zeros((1, 1), np.float32), 0.0)]
    (whole,) = components.decode(FRAME, SIDE * SIDE, measured, 0.0, 0)
    np.testing.assert_allclose(whole, photo, atol=1e-3)
    (few,) = components.decode(FRAME, 5, measured, 0.0, 0)
    block = (photo[0, 0, :SIDE, :SIDE] - components.mean).ravel()
    _, vectors = np.linalg.eigh(components.covariance)
    basis = vectors[:, -5:]
    wanted = basis @ (basis.T @ block) + components.mean
    np.testing.assert_allclose(few[0, 0, :SIDE, :SIDE].ravel(), wanted, atol=1e-4)


def test_components_beat_random_rows_of_the_same_number(training, photo):
    components = BlockComponents(training, (SIDE, SIDE))
    measured = [Measured(photo, np.zeros((1, 1), np.float32), 0.0)]
    (few,) = components.decode(FRAME, 6, measured, 0.0, 0)
    operator = Blocks(np.random.default_rng(1).standard_normal((6, SIDE * SIDE)), SIDE, FRAME)
    y = operator.forward(photo)
    found = decode_linearly(operator, covariance_of(training / 255, 12), [Measured(photo, y, 0.0)])
    assert error(few, photo) < error(found[LINEAR][0], photo)


def test_the_components_do_not_know_up_from_down(training):
    found = BlockComponents(training, (SIDE, SIDE)).covariance
    places = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    for order in (np.rot90(places).ravel(), places[::-1].ravel(), places.T.ravel()):
        np.testing.assert_allclose(found[np.ix_(order, order)], found, atol=1e-12)


def test_noise_makes_components_worse(training, photo):
    components = BlockComponents(training, (SIDE, SIDE))
    measured = [Measured(photo, np.zeros((1, 1), np.float32), 0.0)]
    errors = [
        error(components.decode(FRAME, 10, measured, noise, 0)[0], photo) for noise in (0, 0.05)
    ]
    assert errors[1] > 1.5 * errors[0]
