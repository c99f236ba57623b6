"""A result that explains nothing is not a success: warnings, and exit status 1 with --strict."""

import json

import numpy as np
import pytest

from bitprior_runtime import load
from bitprior_runtime.cli.main import run
from bitprior_runtime.doubts import doubts_of

NAME = "mnist-4bit-m100"


@pytest.fixture(scope="module")
def model():
    return load(NAME)


@pytest.fixture(scope="module")
def y(model):
    image = np.zeros((1, 1, 28, 28), np.float32)
    image[..., 5:23, 12:16] = 1
    return model.sense(image)


def test_measurements_of_the_bundle_raise_no_doubt(model, y):
    assert not doubts_of(model.recover(y), y)


@pytest.mark.parametrize("wrong", [lambda y: 4096 * y, lambda y: y + 100], ids=["counts", "offset"])
def test_counts_and_an_offset_raise_doubts_that_name_units_and_offset(model, y, wrong):
    doubts = doubts_of(model.recover(wrong(y)), wrong(y))
    assert any("units" in doubt and "offset" in doubt for doubt in doubts)


def test_measurements_of_another_operator_are_doubted(model, y):
    shuffled = np.random.default_rng(0).permutation(y.ravel())[np.newaxis]
    assert doubts_of(model.recover(shuffled), shuffled)


def test_the_command_line_warns_and_fails_only_when_strict(tmp_path, y, capsys):
    path, out = tmp_path / "y.npy", tmp_path / "x.npy"
    np.save(path, y + 100)
    words = ["recover", NAME, str(path), "--out", str(out)]
    assert run([*words, "--json"]) == 0
    captured = capsys.readouterr()
    assert "Warning: " in captured.err
    assert json.loads(captured.out)["doubts"]
    assert run([*words, "--strict"]) == 1
    np.save(path, y)
    assert run([*words, "--strict"]) == 0


@pytest.mark.parametrize("kernel", ["numpy", "native"])
def test_the_integer_engine_reports_the_loss_of_measurements_beyond_its_range(model, kernel):
    z = np.random.default_rng(0).standard_normal((1, model.bundle.manifest.latent))
    y = 100 * model.sense(model.generate(z.astype(np.float32)))
    found = model.recover(y, engine="integer", kernel=kernel, steps=5)
    true = float(((model.sense(np.clip(found.image, 0, 1)) - y) ** 2).sum())
    assert float(found.loss[0]) == pytest.approx(true, rel=0.02)
    assert doubts_of(found, y)
