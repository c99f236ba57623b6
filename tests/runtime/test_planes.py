"""Colour photos through gray priors."""

from pathlib import Path

import numpy as np
import pytest

from bitprior_export.bundle import write_bundle
from bitprior_runtime.cli.main import run
from bitprior_runtime.errors import UsageError
from bitprior_runtime.images import encode_png
from bitprior_runtime.model import Model
from bitprior_runtime.sensing import Blocks
from builders.photo import photo_bundle
from builders.searching import made_up_photos

FRAME, SIZE, M = (21, 18), 8, 20
MATRIX = np.random.default_rng(2).standard_normal((M, SIZE * SIZE)) / SIZE
OPERATOR = Blocks(MATRIX, SIZE, FRAME)
COLOUR = made_up_photos(6, *FRAME, seed=3).reshape(2, 3, *FRAME)


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(photo_bundle(), 0)


@pytest.mark.parametrize("solver", ["learned", "fista"])
def test_channels_are_recovered_as_gray_photos_are(model: Model, solver: str) -> None:
    y = OPERATOR.forward(COLOUR)
    found = model.recover(y, operator=OPERATOR, solver=solver, steps=2)
    gray = model.recover(
        OPERATOR.forward(COLOUR.reshape(6, 1, *FRAME)), operator=OPERATOR, solver=solver, steps=2
    )
    assert found.image.shape == (2, 3, *FRAME)
    np.testing.assert_allclose(found.image.reshape(gray.image.shape), gray.image, atol=1e-6)
    np.testing.assert_allclose(found.loss, gray.loss.reshape(2, 3).sum(axis=1), rtol=1e-5)
    np.testing.assert_allclose(found.history[-1], found.loss, rtol=1e-5)
    assert found.latent.shape == (2, 3 * gray.latent.shape[1])
    assert found.steps.tolist() == [2, 2]


def test_measurements_of_two_channels_are_refused(model: Model) -> None:
    y = OPERATOR.forward(COLOUR[:, :2])
    with pytest.raises(UsageError, match=f"m = {OPERATOR.size}"):
        model.recover(y, operator=OPERATOR)


def test_the_command_line_senses_and_recovers_colour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_bundle("photo.bitprior", photo_bundle())
    np.savez("rows.npz", phi=MATRIX.astype(np.float32))
    Path("photo.png").write_bytes(encode_png(COLOUR[0]))
    text = "blocks:matrix=rows.npz#phi,size=8"
    sensing = ["sense", "photo.bitprior", "photo.png", "--operator", text, "--colour"]
    assert run([*sensing, "--out", "y.npz"]) == 0
    assert run(["recover", "photo.bitprior", "y.npz", "--out", "x.npy"]) == 0
    assert np.load("x.npy").shape == (1, 3, *FRAME)
    assert run(["recover", "photo.bitprior", "y.npz", "--out", "x.png"]) == 0
    assert "Traceback" not in capsys.readouterr().err


def test_colour_without_an_operator_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["sense", "mnist-4bit-m100", "x.png", "--colour", "--out", "y.npy"]) == 2
    assert "--colour with --operator" in capsys.readouterr().err
