"""A prior of one size serves frames by tiles that blend."""

import numpy as np
import pytest

from bitprior_runtime.errors import UsageError
from bitprior_runtime.frames.tiled import TiledPrior, places, windows
from bitprior_runtime.model import Model
from builders.bundles import tiny_bundle
from builders.conformance import calibrated, system

FRAMES = [(2, 3), (2, 4), (5, 3), (7, 11)]


@pytest.fixture(scope="module")
def model():
    return Model(calibrated(tiny_bundle()), 0)


@pytest.mark.parametrize(
    ("size", "side"), [(3, 3), (4, 3), (9, 3), (64, 32), (65, 32), (1, 1), (5, 1)]
)
def test_tiles_cover_an_axis_and_their_weights_add_up_to_1(size, side):
    at = places(size, side)
    weights = windows(size, side, at)
    total = np.zeros(size)
    for begin, weight in zip(at, weights, strict=True):
        assert 0 <= begin <= size - side
        total[begin : begin + side] += weight
    np.testing.assert_allclose(total, 1, atol=1e-12)
    assert (weights > 0).all()


@pytest.mark.parametrize("frame", FRAMES, ids=str)
def test_tiles_that_are_all_the_same_constant_make_it_the_image(model, frame):
    prior = model.at(frame, kernel="numpy")
    assert isinstance(prior, TiledPrior)
    total = np.zeros(frame)
    for (top, left), window in zip(prior.corners, prior.windows, strict=True):
        total[top : top + 2, left : left + 3] += window
    np.testing.assert_allclose(total, 1, atol=1e-6)


def test_a_frame_of_one_tile_is_the_prior_itself(model):
    prior = model.at((2, 3), kernel="numpy")
    z = model.bundle.golden.latents
    np.testing.assert_array_equal(prior.generate(z), model.generate(z))


@pytest.mark.parametrize("frame", FRAMES, ids=str)
def test_the_gradient_crosses_the_seams(model, frame):
    prior = model.at(frame, kernel="numpy")
    rng = np.random.default_rng(0)
    z = rng.standard_normal((1, prior.latent)).astype(np.float32)
    c = rng.standard_normal((1, 1, *frame)).astype(np.float32)
    gradient = prior.vjp(z, c)
    for entry in rng.choice(prior.latent, min(prior.latent, 12), replace=False):
        step = np.zeros_like(z)
        step[0, entry] = 1e-2
        slope = ((prior.generate(z + step) - prior.generate(z - step)) / 2e-2 * c).sum()
        assert gradient[0, entry] == pytest.approx(slope, rel=2e-2, abs=2e-3)


@pytest.mark.parametrize(("engine", "kernel"), [("float", "native"), ("integer", "native")])
def test_other_engines_agree_with_the_float_engine(model, engine, kernel):
    exact, prior = model.at((7, 11), "float", "numpy"), model.at((7, 11), engine, kernel)
    rng = np.random.default_rng(1)
    z = rng.standard_normal((3, prior.latent)).astype(np.float32)
    c = rng.standard_normal((3, 1, 7, 11)).astype(np.float32)
    allowed = 1e-5 if engine == "float" else 2e-2
    for found, expected in (
        (prior.generate(z), exact.generate(z)), (prior.vjp(z, c), exact.vjp(z, c))
    ):  # fmt: skip
        assert found.shape == expected.shape
        assert np.linalg.norm(found - expected) <= allowed * np.linalg.norm(expected)


def test_a_whole_dcgan_serves_a_frame_of_colour():
    model = Model(system("dcgan", 4), 0)
    channels, height, width = model.geometry
    prior = model.at((height + 5, 2 * width))
    assert prior.tiles == (2, 3)
    z = np.random.default_rng(0).standard_normal((1, prior.latent)).astype(np.float32)
    assert prior.generate(z).shape == (1, channels, height + 5, 2 * width)


def test_a_frame_smaller_than_a_tile_is_refused(model):
    with pytest.raises(UsageError, match=r"a frame of at least a tile, 2 x 3.*found 1 x 9"):
        model.at((1, 9))


def test_values_of_another_frame_are_refused(model):
    prior = model.at((7, 11))
    with pytest.raises(UsageError, match=rf"latents \[B,{prior.latent}\] of {len(prior.corners)}"):
        prior.generate(np.zeros((1, 4), np.float32))
    with pytest.raises(UsageError, match=r"cotangents \[B,1,7,11\]"):
        prior.vjp(np.zeros((1, prior.latent), np.float32), np.zeros((1, 1, 7, 10), np.float32))
