"""A prior trained on a stand-in and tested on another data set: both are named."""

import json
from pathlib import Path

import numpy as np
import pytest

from bitprior_runtime.cli.main import run as bitprior
from bitprior_train.settings import read_preset, validate

TINY = [
    f"--set={override}"
    for override in (
        "data.size=8",
        "data.validation=12",
        "model.generator=mlp",
        "model.sensing=mlp",
        "model.latent=6",
        "model.hidden=[12]",
        "model.sensing_hidden=[12]",
        "optimiser.batch=4",
        "optimiser.warmup=0",
        "validation.images=4",
        "validation.steps=[2]",
    )
]
SHORT = ["--steps", "4", "--measurements", "9", "--sparsity", "5"]


def images(count: int, seed: int) -> np.ndarray:
    """Smooth colour images, uint8 [count, 96, 96, 3]."""
    colours = np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    return colours.repeat(12, 1).repeat(12, 2)


@pytest.fixture
def archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    np.savez(tmp_path / "imagenette96.npz", train_x=images(40, 0), test_x=images(6, 1))
    np.savez(tmp_path / "stl10.npz", train_x=images(0, 2), test_x=images(5, 2))
    monkeypatch.setenv("BITPRIOR_DATA", str(tmp_path))
    return tmp_path


@pytest.fixture
def bundle(archives: Path) -> Path:
    run, path = archives / "run", archives / "prior.bitprior"
    assert bitprior(["train", "imagenette96", "--out", str(run), *SHORT, *TINY]) == 0
    assert bitprior(["export", str(run), "--out", str(path)]) == 0
    return path


def evaluation(bundle: Path, *arguments: str) -> dict:
    out = bundle.parent / "figures.json"
    assert bitprior(["evaluate", str(bundle), "--out", str(out), *arguments]) == 0
    return json.loads(out.read_text())


def test_a_stand_in_is_named_beside_the_data_tested_on(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = json.loads((bundle.parent / "run" / "run.json").read_text())
    assert record["dataset"] == "imagenette96"
    assert record["config"]["data"]["size"] == 8
    assert record["resized"] == "96 to 8 pixels by area averaging"
    assert record["dropped_images"] == 0

    found = evaluation(bundle, "--dataset", "stl10", "--images", "5", "--components", "3")
    assert (found["dataset"], found["trained_on"]) == ("stl10", ["imagenette96"])
    assert found["resized"] == "96 to 8 pixels by area averaging"
    assert not found["rows"][0]["other_split"]
    assert found["rows"][0]["images"] == 5
    mean, principal = (row["psnr"]["mean"] for row in found["baselines"])
    assert mean < principal, "fitted to the images of the stand-in"
    line = capsys.readouterr().out.splitlines()[-4]
    assert line.startswith("Evaluated on stl10, test, first 5 images (96 to 8 pixels by area")
    assert line.endswith("trained on imagenette96")


def test_the_data_set_trained_on_is_split_and_shrunk_as_then(bundle: Path) -> None:
    found = evaluation(bundle, "--dataset", "imagenette96", "--images", "6")
    record = json.loads((bundle.parent / "run" / "run.json").read_text())
    assert found["split_hash"] == record["split_hash"]
    assert not found["rows"][0]["other_split"]


def test_another_archive_of_the_same_name_is_warned_of(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = bundle.parent / "imagenette96.npz"
    np.savez(archive, train_x=images(40, 5), test_x=images(40, 0)[:6])  # images trained on
    found = evaluation(bundle, "--dataset", "imagenette96", "--images", "6")
    assert found["rows"][0]["other_split"]
    assert "trained on another split of imagenette96" in capsys.readouterr().out


def test_training_on_test_images_only_is_refused_before_any_work(
    archives: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bitprior(["train", "stl10", "--out", str(archives / "run"), *SHORT, *TINY]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "train on imagenette96 and evaluate on stl10" in line
    assert not (archives / "run").exists()


def test_a_start_of_another_size_is_refused(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start, run = bundle.parent / "run", bundle.parent / "next"
    arguments = [*SHORT, *TINY, "--set=data.size=6", "--init-from", str(start)]
    assert bitprior(["train", "imagenette96", "--out", str(run), *arguments]) == 2
    assert "data.size" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["imagenette96", "stl10", "celeba64"])
def test_presets_of_large_images_have_the_networks_of_cifar10_at_its_size(name: str) -> None:
    found, cifar10 = (validate(read_preset(preset)) for preset in (name, "cifar10"))
    assert found.data.size == 32
    assert found.model == cifar10.model
    assert found.inner == cifar10.inner
    assert found.optimiser == cifar10.optimiser
