"""Ranges of activations: what each method chooses, and on what."""

import numpy as np
import pytest

from bitprior_export.calibration import (
    PERCENTILE,
    calibrate,
    calibrate_on_recoveries,
    recovery_latents,
)
from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.engines.integer_engine import IntegerEngine
from bitprior_runtime.errors import UsageError
from builders.bundles import LATENT, tiny_bundle
from builders.integers import around, chain

METHODS = ("percentile", "mse", "max")


def _images(count=20, seed=4):
    return np.random.default_rng(seed).random((count, 1, 2, 3), dtype=np.float32)


def _tiny():
    bundle = tiny_bundle()
    rng = np.random.default_rng(5)
    z = rng.standard_normal((50, LATENT)).astype(np.float32)
    return bundle.generator, bundle.sensing, _images(), z


def test_the_largest_magnitude_of_every_activation_is_found():
    generator, sensing, x, z = _tiny()
    found = calibrate(generator, sensing, x, z, "max").absmax
    engine = FloatEngine(generator, sensing)
    drawn = engine.trace("generator", z)
    sensed = engine.trace("sensing", np.concatenate([x, drawn["x"]]))
    for which, seen in (("generator", drawn), ("sensing", sensed)):
        assert found[which] == {name: np.abs(value).max() for name, value in seen.items()}


@pytest.mark.parametrize("method", METHODS)
def test_latents_images_and_measurements_are_never_clipped(method):
    generator, sensing, x, z = _tiny()
    found = calibrate(generator, sensing, x, z, method).absmax
    widest = calibrate(generator, sensing, x, z, "max").absmax
    for which, name in [("generator", "z"), ("generator", "x"), ("sensing", "x"), ("sensing", "y")]:
        assert found[which][name] == widest[which][name]


def _spiked():
    """Return 100,000 values of at most 1, but for one of 50, seen by an activation 'v'."""
    values = np.random.default_rng(0).uniform(-1, 1, (100, 1000)).astype(np.float32)
    values[3, 7] = 50.0
    generator = chain((1000,), ("Neg", (), {}), ("Tanh", (), {}))
    return *around(generator), np.zeros((1, 1000), np.float32), values


def test_a_percentile_leaves_a_spike_out():
    found = calibrate(*_spiked(), "percentile").absmax["generator"]["t0"]
    assert found == pytest.approx(1.0, rel=1e-3)
    assert PERCENTILE < 100


def test_the_largest_magnitude_is_the_spike():
    assert calibrate(*_spiked(), "max").absmax["generator"]["t0"] == 50.0


def test_the_least_squares_lie_between():
    generator, sensing, x, z = _spiked()
    found = calibrate(generator, sensing, x, z, "mse").absmax["generator"]["t0"]
    values = -z

    def error(absmax):
        step = absmax / 127
        return np.square(np.clip(np.rint(values / step), -127, 127) * step - values).mean()

    assert error(found) <= min(error(1.0), error(50.0))


def test_an_activation_that_is_always_zero_has_a_range_above_zero():
    generator = chain((4,), ("Relu", (), {}), ("Sigmoid", (), {}))
    z = -np.ones((2, 4), np.float32)
    found = calibrate(*around(generator), np.zeros((1, 4), np.float32), z).absmax
    assert found["generator"]["t0"] > 0


def test_an_unknown_method_is_refused():
    with pytest.raises(UsageError, match="percentile, mse, max"):
        calibrate(*_tiny(), method="guess")


def test_latents_are_met_from_the_start_to_the_end_of_recoveries():
    bundle = tiny_bundle()
    latents = recovery_latents(bundle.generator, bundle.sensing, _images(), bundle.manifest.solver)
    assert latents.dtype == np.float32
    assert latents.shape[1] == LATENT
    first, last = latents[:20], latents[-20:]
    np.testing.assert_allclose(np.linalg.norm(first, axis=1), 1.0, rtol=1e-5)
    assert (np.count_nonzero(last, axis=1) <= bundle.manifest.solver.sparsity).all()
    engine = FloatEngine(bundle.generator, bundle.sensing)
    y = engine.sense(_images())
    assert engine.loss(last, y).mean() < engine.loss(first, y).mean()


def test_the_ranges_suit_the_integer_engine():
    bundle = tiny_bundle()
    pair = bundle.generator, bundle.sensing
    calibration = calibrate_on_recoveries(*pair, _images(), bundle.manifest.solver)
    assert calibration.activation_bits == 8
    engine, exact = IntegerEngine(*pair, calibration), FloatEngine(*pair)
    z = bundle.golden.latents
    assert np.abs(engine.generate(z) - exact.generate(z)).max() <= 0.06
