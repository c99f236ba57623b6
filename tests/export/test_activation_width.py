"""The default width of the integer engine: measured, and 16 bits when in doubt."""

from dataclasses import replace

import numpy as np
import pytest

from bitprior_export import activation_width
from bitprior_export.activation_width import measure_width, with_width
from bitprior_export.bundle.writer import encode_bundle
from bitprior_export.calibration import calibrate_on_recoveries
from bitprior_runtime.bundle import Bundle, decode_bundle
from bitprior_runtime.model import Model
from bitprior_runtime.program import Node, Program
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

    def psnr(**engine: object) -> np.ndarray:
        found = model.recover(y, seed=2, **engine).image.clip(0, 1)
        return -10 * np.log10(np.square(found - images).reshape(len(images), -1).mean(axis=1))

    loss = psnr(engine="float") - psnr(engine="integer", activation_bits=8)
    width = measure_width(bundle, images)
    assert width is not None
    assert width.images == 20
    assert width.loss == pytest.approx(loss.mean(), abs=1e-3)
    assert width.error == pytest.approx(loss.std() / np.sqrt(19), abs=1e-3)


def test_8_bits_are_the_default_only_if_they_lose_little_beyond_doubt(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    width = measure_width(bundle, _images())
    assert width is not None
    assert width.error > 0
    for most, bits in [(width.loss + 1.01 * width.error, 8), (width.loss + 0.9 * width.error, 16)]:
        monkeypatch.setattr(activation_width, "MOST_LOSS", most)
        again = measure_width(bundle, _images())
        assert again is not None
        assert again.activation_bits == bits


@pytest.mark.parametrize("bits", [8, 16])
def test_the_width_and_its_figures_are_read_back_and_used(bundle: Bundle, bits: int) -> None:
    width = measure_width(bundle, _images())
    assert width is not None
    chosen = replace(width, activation_bits=bits)
    read = decode_bundle(encode_bundle(with_width(bundle, chosen)))
    assert read.manifest.solver.selection is not None
    assert read.manifest.solver.selection["integer"]["activation_bits"] == bits
    assert read.manifest.solver.selection["integer"]["loss_at_8_bits_db"] == width.loss
    model = Model(read, 0)
    assert model.engine("integer", "numpy").plan.activation_bits == bits
    assert model.engine("integer", "numpy", activation_bits=8).plan.activation_bits == 8
    assert model.engine("integer", "numpy", activation_bits=16).plan.activation_bits == 16


def test_programs_without_an_integer_form_have_no_width(bundle: Bundle) -> None:
    nodes = [*bundle.generator.nodes[:-1]]
    last = bundle.generator.nodes[-1]
    nodes += [replace(last, output="plain"), Node("Mul", ("plain", "plain"), "x")]
    squared = Program("generator", bundle.generator.inputs, "x", nodes, bundle.generator.tensors)
    assert measure_width(replace(bundle, generator=squared), _images()) is None
