"""The default width of the integer engine: measured, and 16 bits when in doubt."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bitprior_export import activation_width
from bitprior_export.activation_width import WIDTHS, choose_widths
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
    figures = _figures(choose_widths(bundle, images))
    assert figures["images"] == 20
    first = figures["measured"][0]
    assert (first["activation_bits"], first["cotangent_bits"]) == (8, 8)
    assert first["loss_db"] == pytest.approx(loss.mean(), abs=1e-3)
    assert first["error_db"] == pytest.approx(loss.std() / np.sqrt(19), abs=1e-3)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_first_widths_that_lose_little_beyond_doubt_are_the_default(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    losses = {(8, 8): (0.3, 0.02), (16, 8): (0.09, 0.02)}
    for widths in WIDTHS[place:-1]:
        losses[widths] = (0.08, 0.019)
    monkeypatch.setattr(activation_width, "_loss", lambda *given: losses[given[-1]])
    read = decode_bundle(encode_bundle(choose_widths(bundle, _images())))
    assert len(_figures(read)["measured"]) == min(place + 1, 2)
    model = Model(read, 0)
    plan = model.engine("integer", "numpy").plan
    assert (plan.activation_bits, plan.cotangent_bits) == WIDTHS[place]
    for bits in (8, 16):
        plan = model.engine("integer", "numpy", activation_bits=bits).plan
        assert (plan.activation_bits, plan.cotangent_bits) == (bits, bits)


def test_a_solver_that_is_not_measured_gets_16_bits(bundle: Bundle) -> None:
    manifest = bundle.manifest
    solver = replace(manifest.solver, name="lbfgs")
    other = replace(bundle, manifest=replace(manifest, solver=solver))
    chosen = choose_widths(other, _images()).manifest
    assert chosen.calibration is not None
    assert manifest.calibration is not None
    assert (chosen.calibration.activation_bits, chosen.calibration.cotangent_bits) == (16, 16)
    assert chosen.calibration.absmax == manifest.calibration.absmax
    assert chosen.solver.selection is None


def test_a_bundle_without_an_integer_form_stays_as_it_is(bundle: Bundle) -> None:
    *before, last = bundle.generator.nodes
    nodes = [*before, replace(last, output="plain"), Node("Mul", ("plain", "plain"), "x")]
    squared = replace(bundle, generator=replace(bundle.generator, output="x", nodes=nodes))
    assert choose_widths(squared, _images()) is squared


def _figures(bundle: Bundle) -> Any:
    selection = bundle.manifest.solver.selection
    assert selection is not None
    return selection["integer"]
