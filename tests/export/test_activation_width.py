"""The default width of the integer engine: measured, and 16 bits when in doubt."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bitprior_export import activation_width
from bitprior_export.activation_width import choose_width
from bitprior_export.bundle.writer import encode_bundle
from bitprior_export.calibration import calibrate_on_recoveries
from bitprior_runtime.bundle import Bundle, decode_bundle
from bitprior_runtime.model import Model
from bitprior_runtime.program import Node
from builders.bundles import tiny_bundle


def _images(count: int = 20) -> np.ndarray:
    return np.random.default_rng(4).random((count, 1, 2, 3), dtype=np.float32)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    plain = tiny_bundle()
    calibration = calibrate_on_recoveries(
        plain.generator, plain.sensing, _images(), plain.manifest.solver
    )
    return replace(plain, manifest=replace(plain.manifest, calibration=calibration))


def test_the_loss_is_that_of_a_recovery_with_8_bits(bundle: Bundle) -> None:
    images, model = _images(), Model(bundle, 0)
    y = model.sense(images)

    def psnr(**engine: Any) -> np.ndarray:
        found = model.recover(y, seed=2, **engine).image.clip(0, 1)
        return -10 * np.log10(np.square(found - images).reshape(len(images), -1).mean(axis=1))

    loss = psnr(engine="float") - psnr(engine="integer", activation_bits=8)
    figures = _figures(choose_width(bundle, images))
    assert figures["images"] == 20
    assert figures["loss_db"] == pytest.approx(loss.mean(), abs=1e-3)
    assert figures["error_db"] == pytest.approx(loss.std() / np.sqrt(19), abs=1e-3)


@pytest.mark.parametrize(("errors", "bits"), [(1.01, 8), (0.9, 16)])
def test_8_bits_are_the_default_only_if_they_lose_little_beyond_doubt(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, errors: float, bits: int
) -> None:
    figures = _figures(choose_width(bundle, _images()))
    assert figures["error_db"] > 0
    most = figures["loss_db"] + errors * figures["error_db"]
    monkeypatch.setattr(activation_width, "MOST_LOSS", most)
    read = decode_bundle(encode_bundle(choose_width(bundle, _images())))
    assert _figures(read)["chosen"] == bits
    model = Model(read, 0)
    assert model.engine("integer", "numpy").plan.activation_bits == bits
    assert model.engine("integer", "numpy", activation_bits=8).plan.activation_bits == 8
    assert model.engine("integer", "numpy", activation_bits=16).plan.activation_bits == 16


def test_a_solver_that_is_not_measured_gets_16_bits(bundle: Bundle) -> None:
    manifest = bundle.manifest
    solver = replace(manifest.solver, name="lbfgs")
    chosen = choose_width(
        replace(bundle, manifest=replace(manifest, solver=solver)), _images()
    ).manifest
    assert chosen.calibration is not None
    assert chosen.calibration.activation_bits == 16
    assert manifest.calibration is not None
    assert chosen.calibration.absmax == manifest.calibration.absmax
    assert chosen.solver.selection is None


def test_a_bundle_without_an_integer_form_stays_as_it_is(bundle: Bundle) -> None:
    *before, last = bundle.generator.nodes
    nodes = [*before, replace(last, output="plain"), Node("Mul", ("plain", "plain"), "x")]
    squared = replace(bundle, generator=replace(bundle.generator, output="x", nodes=nodes))
    assert choose_width(squared, _images()) is squared


def _figures(bundle: Bundle) -> Any:
    selection = bundle.manifest.solver.selection
    assert selection is not None
    return selection["activation_bits"]
