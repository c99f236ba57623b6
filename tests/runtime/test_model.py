"""The public API: load, sense, generate, recover, verify, info."""

import json

import numpy as np
import pytest

from bitprior_runtime import BundleError, Recovery, load
from bitprior_runtime.errors import MissingFileError, UsageError


@pytest.fixture
def model(bundle_path):
    return load(bundle_path)


def test_a_recovery_has_what_the_design_promises(model, images):
    recovery = model.recover(model.sense(images), restarts=3, seed=1)
    assert isinstance(recovery, Recovery)
    assert recovery.image.shape == (5, 1, 2, 3)
    assert recovery.image.dtype == np.float32
    assert (recovery.image >= 0).all()
    assert (recovery.image <= 1).all()
    assert recovery.latent.shape == (5, 4)
    assert recovery.loss.shape == (5,)
    assert recovery.history.shape == (21, 5)
    assert (recovery.engine, recovery.solver) == ("float", "proximal")
    assert recovery.kernel in ("native", "numpy")
    assert recovery.seconds > 0
    np.testing.assert_allclose(recovery.image, model.generate(recovery.latent), atol=1e-6)


def test_the_loss_is_the_distance_of_the_measurements(model, images):
    y = model.sense(images)
    recovery = model.recover(y)
    distance = ((y - model.sense(recovery.image)) ** 2).sum(axis=1)
    np.testing.assert_allclose(recovery.loss, distance, rtol=1e-4)


def test_latents_have_at_most_s_entries(model, images):
    recovery = model.recover(model.sense(images), sparsity=2)
    assert (np.count_nonzero(recovery.latent, axis=1) <= 2).all()


def test_recovery_lowers_the_loss(model):
    y = model.sense(model.generate(np.random.default_rng(0).standard_normal((20, 4)) / 2))
    recovery = model.recover(y, steps=200, step_size=2.0)
    assert np.median(recovery.loss) < 0.1 * np.median(recovery.history[0])


def test_the_same_seed_gives_the_same_recovery_and_another_seed_another(model, images):
    y = model.sense(images)
    first, again, other = (model.recover(y, seed=seed).latent for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_adam_recovers_too(model, images):
    recovery = model.recover(model.sense(images), solver="adam", steps=30)
    assert recovery.solver == "adam"
    assert recovery.history.shape == (31, 5)
    assert recovery.loss.mean() < recovery.history[0].mean()


@pytest.mark.parametrize(
    "options",
    [
        {"line_search": True},
        {"solver": "fista"},
        {"solver": "fista", "line_search": True},
        {"solver": "lbfgs"},
        {"solver": "lbfgs", "line_search": False, "step_size": 0.1},
        {"solver": "gauss-newton"},
    ],
)
def test_every_solver_lowers_the_loss_and_says_what_it_took(model, images, options):
    recovery = model.recover(model.sense(images), restarts=2, steps=8, tolerance=1e-3, **options)
    assert recovery.loss.mean() < recovery.history[0].mean()
    assert recovery.solver == options.get("solver", "proximal")
    assert (recovery.steps <= 8).all()
    assert (recovery.evaluations > recovery.steps).all()
    assert len(recovery.history) == recovery.steps.max() + 1


def test_a_recovery_goes_on_from_the_latent_it_is_given(model, images):
    y = model.sense(images)
    whole = model.recover(y, steps=12)
    first = model.recover(y, steps=5)
    rest = model.recover(y, steps=7, latent=first.latent.astype(np.float64), seed=99)
    np.testing.assert_array_equal(rest.latent, whole.latent)


def test_a_recovery_ends_when_its_time_is_up(model, images):
    recovery = model.recover(model.sense(images), steps=10**6, max_seconds=0.05)
    assert recovery.seconds < 5
    assert recovery.steps.max() < 10**6


def test_verify_replays_the_golden_cases(model):
    checks = model.verify()
    assert len(checks) == 5
    assert all(check.passed for check in checks)
    assert all(check.tolerance > 0 for check in checks)


def test_verify_fails_on_an_engine_that_is_slightly_wrong(model):
    tensors = model.bundle.generator.tensors
    engine = model.engine(kernel="numpy")
    engine._generator.constants["fc0.weight"] = tensors["fc0.weight"].values() * 1.001
    failed = {check.name for check in model.verify(kernel="numpy") if not check.passed}
    assert "image G(z)" in failed
    assert "gradient of f" in failed


def test_verify_fails_on_nan(model):
    model.engine(kernel="numpy")._generator.constants["fc0.bias"] = np.full(6, np.nan, np.float32)
    assert not any(check.passed for check in model.verify(kernel="numpy"))


def test_info_is_json_and_agrees_with_the_file(model, bundle_path):
    info = json.loads(json.dumps(model.info))
    assert info["bits"] == 4
    assert info["bytes"]["bundle"] == bundle_path.stat().st_size
    assert info["bytes"]["generator"] < info["bytes"]["bundle"]
    assert info["latent"] == 4
    assert "4-bit prior" in model.describe()


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros((2, 4), np.float32), "m = 3"),
        (np.zeros(3, np.float32), "m = 3"),
        (np.zeros((0, 3), np.float32), "m = 3"),
        (np.zeros((2, 3), np.int32), "dtype int32"),
        (np.zeros((2, 3), np.complex64), "dtype complex64"),
        (np.array([["a", "b", "c"]]), "dtype <U1"),
        (np.array([[0, 1, np.nan]], np.float32), "NaN or Inf in 1 of 1 rows"),
        (np.array([[0, 1, 2], [0, np.inf, 0]], np.float32), "NaN or Inf in 1 of 2 rows"),
    ],
)
def test_bad_measurements_are_refused(model, y, message):
    with pytest.raises(UsageError) as caught:
        model.recover(y)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"solver": "newton"}, "proximal, fista, adam, lbfgs, gauss-newton"),
        ({"solver": "adam", "line_search": True}, "takes it: proximal, fista, lbfgs"),
        ({"tolerance": 1.0}, "tolerance >= 0 and < 1"),
        ({"max_seconds": -1.0}, "max_seconds > 0"),
        ({"latent": np.zeros((1, 5), np.float32)}, "k = 4"),
        ({"latent": np.zeros((2, 4), np.float32)}, "1 start latents"),
        ({"latent": np.full((1, 4), np.nan, np.float32)}, "NaN or Inf in 1 of 1 rows"),
        ({"engine": "gpu"}, "engine among: auto, float"),
        ({"kernel": "fast"}, "kernel among: auto"),
        ({"engine": "onnx", "kernel": "numpy"}, "kernels of the engine 'onnx': onnxruntime"),
        ({"restarts": 0}, "restarts >= 1"),
        ({"seed": -1}, "seed >= 0"),
        ({"steps": 0}, "steps >= 1"),
        ({"step_size": -1.0}, "step_size > 0"),
        ({"sparsity": 0}, "sparsity >= 1"),
        ({"solver": "adam", "step_size": float("inf")}, "step_size > 0"),
    ],
)
def test_bad_options_are_refused(model, options, message):
    with pytest.raises(UsageError) as caught:
        model.recover(np.zeros((1, 3), np.float32), **options)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((1, 1, 3, 2), np.float32), "[B,1,2,3]"),
        (np.zeros((1, 1, 2, 3), np.uint8), "divide bytes by 255"),
        (np.full((1, 1, 2, 3), 1.5, np.float32), "values from 1.5"),
        (np.full((1, 1, 2, 3), np.nan, np.float32), "NaN or Inf"),
        (np.zeros((0, 1, 2, 3), np.float32), "[B,1,2,3]"),
    ],
)
def test_bad_images_are_refused(model, x, message):
    with pytest.raises(UsageError) as caught:
        model.sense(x)
    assert message in str(caught.value)


def test_bad_latents_are_refused(model):
    with pytest.raises(UsageError, match="k = 4"):
        model.generate(np.zeros((1, 5), np.float32))


def test_float64_measurements_are_taken(model, images):
    y = model.sense(images)
    np.testing.assert_array_equal(
        model.recover(y.astype(np.float64)).latent, model.recover(y).latent
    )


def test_a_missing_bundle_and_a_foreign_one_are_told_apart(tmp_path):
    with pytest.raises(MissingFileError):
        load(tmp_path / "none.bitprior")
    (tmp_path / "foreign.bitprior").write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(BundleError):
        load(tmp_path / "foreign.bitprior")
