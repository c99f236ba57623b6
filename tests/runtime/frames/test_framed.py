"""A fully convolutional prior on any frame, on every engine."""

import numpy as np
import pytest

from bitprior_runtime.errors import UsageError
from bitprior_runtime.frames.framed import FramedPrior
from bitprior_runtime.frames.kept import MOST
from bitprior_runtime.model import Model
from builders.bundles import tiny_bundle
from builders.photo import photo_bundle

FRAMES = [(8, 8), (9, 8), (33, 33), (15, 40), (1, 1)]
ENGINES = [("float", "native"), ("integer", "numpy"), ("integer", "native")]


@pytest.fixture(scope="module")
def model():
    return Model(photo_bundle(4, linear_bits=8), 0)


def given(prior, rows=3, seed=0):
    """Return latents, cotangents, estimates and penalties of a frame, inside calibrated ranges."""
    rng = np.random.default_rng(seed)
    return (
        rng.standard_normal((rows, prior.latent)).astype(np.float32),
        rng.standard_normal((rows, 1, *prior.frame)).astype(np.float32),
        rng.uniform(-0.5, 0.5, (rows, 2, *prior.frame)).astype(np.float32),
        rng.standard_normal((rows, prior.latent)).astype(np.float32),
    )


def outputs(prior, z, c, u, w):
    """Return all that a prior gives."""
    drawn = [prior.generate(z), prior.vjp(z, c)]
    return [*drawn, prior.start(u), prior.penalty(z), prior.penalty_vjp(z, w)]


@pytest.mark.parametrize("frame", FRAMES, ids=str)
@pytest.mark.parametrize(("engine", "kernel"), ENGINES)
def test_every_engine_gives_what_the_float_engine_does(model, engine, kernel, frame):
    exact = model.at(frame, "float", "numpy")
    prior = model.at(frame, engine, kernel)
    assert isinstance(prior, FramedPrior)
    assert (prior.name, prior.kernel) == (engine, kernel)
    inputs = given(prior)
    allowed = 1e-5 if engine == "float" else 5e-3
    for found, expected in zip(outputs(prior, *inputs), outputs(exact, *inputs), strict=True):
        assert found.dtype == np.float32
        assert found.shape == expected.shape
        assert np.linalg.norm(found - expected) <= allowed * np.linalg.norm(expected)


@pytest.mark.parametrize("frame", FRAMES, ids=str)
@pytest.mark.parametrize("bits", [1, 3, 32])
def test_the_integer_engines_agree_bit_for_bit_at_any_frame(bits, frame):
    model = Model(photo_bundle(bits), 0)
    priors = [model.at(frame, "integer", kernel) for kernel in ("numpy", "native")]
    inputs = given(priors[0])
    for one, other in zip(*(outputs(prior, *inputs) for prior in priors), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("frame", FRAMES, ids=str)
def test_a_row_is_the_same_in_any_batch(model, frame):
    prior = model.at(frame)
    z, c, u, w = given(prior)
    alone = outputs(prior, z[1:2], c[1:2], u[1:2], w[1:2])
    for one, all_rows in zip(alone, outputs(prior, z, c, u, w), strict=True):
        np.testing.assert_array_equal(one[0], all_rows[1])


@pytest.mark.parametrize("frame", FRAMES, ids=str)
def test_the_products_are_those_of_the_adjoint(model, frame):
    prior = model.at(frame, "float", "numpy")
    z, c, _, w = given(prior, rows=1)
    step = 1e-3 * np.random.default_rng(1).standard_normal(z.shape).astype(np.float32)
    change = (prior.generate(z + step) - prior.generate(z - step)).astype(np.float64) / 2
    assert (prior.vjp(z, c) * step).sum() == pytest.approx((change * c).sum(), rel=2e-2, abs=1e-5)
    linear = (prior.penalty(step) * w).sum()
    assert (prior.penalty_vjp(z, w) * step).sum() == pytest.approx(linear, rel=1e-4)


def test_pixels_beyond_the_frame_are_dropped_and_count_for_nothing(model):
    odd, even = model.at((9, 7), "float", "numpy"), model.at((10, 8), "float", "numpy")
    assert (odd.canvas, odd.maps, odd.latent) == ((10, 8), (6, 5, 4), 6 * 5 * 4)
    z, c, u, _ = given(odd)
    np.testing.assert_array_equal(odd.generate(z), even.generate(z)[:, :, :9, :7])
    padded = np.pad(c, ((0, 0), (0, 0), (0, 1), (0, 1)))
    np.testing.assert_array_equal(odd.vjp(z, c), even.vjp(z, padded))
    padded = np.pad(u, ((0, 0), (0, 0), (0, 1), (0, 1)))
    np.testing.assert_array_equal(odd.start(u), even.start(padded))


def test_the_last_few_frames_are_kept():
    model = Model(photo_bundle(), 0)
    first = model.at((8, 8))
    assert model.at((8, 8)) is first
    assert model.at((8, 8), "integer") is not first
    for side in range(10, 10 + 2 * MOST, 2):
        model.at((side, 8))
    assert len(model._frames) == MOST
    assert model.at((8, 8)) is not first


@pytest.mark.parametrize("frame", [(0, 8), (8, -1), (8,), (8.5, 8), (True, 8), (8, 8, 1)])
def test_a_frame_that_is_none_is_refused(model, frame):
    with pytest.raises(UsageError, match=r"a frame \(H, W\) in pixels"):
        model.at(frame)


def test_values_of_another_frame_are_refused(model):
    prior = model.at((9, 8))
    z = np.zeros((1, prior.latent), np.float32)
    with pytest.raises(UsageError, match=r"cotangents \[B,1,9,8\]"):
        prior.vjp(z, np.zeros((1, 1, 10, 8), np.float32))
    with pytest.raises(UsageError, match=r"estimates \[B,2,9,8\]"):
        prior.start(np.zeros((1, 1, 9, 8), np.float32))
    with pytest.raises(UsageError, match="latents"):
        prior.generate(np.zeros((1, prior.latent + 1), np.float32))


def test_a_prior_without_a_search_says_so():
    bundle = photo_bundle()
    alone = Model(type(bundle)(bundle.manifest, bundle.generator, bundle.sensing, bundle.golden), 0)
    with pytest.raises(UsageError, match="a prior with a learned search"):
        alone.at((8, 8)).penalty(np.zeros((1, 96), np.float32))


def test_an_engine_without_products_with_the_jacobian_is_refused():
    with pytest.raises(UsageError, match="an engine among"):
        Model(tiny_bundle(), 0).at((2, 3), "none")
