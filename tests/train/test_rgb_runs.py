"""Colour images from the command line to a recovery: train, export, verify, recover."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from bitprior_export.exporter import export_run
from bitprior_runtime.cli.main import run as bitprior
from bitprior_runtime.errors import UsageError
from bitprior_runtime.model import load
from bitprior_runtime.solvers import ProximalOptions, initial_latents
from bitprior_train.algorithm import Losses
from bitprior_train.checkpoint import load_checkpoint
from bitprior_train.data import load_dataset
from bitprior_train.learner import Learner
from bitprior_train.networks import load_networks
from bitprior_train.parity import compare_with_torch
from bitprior_train.settings import read_preset, validate

TINY = [
    f"--set={override}"
    for override in (
        "model.latent=6",
        "model.filters=4",
        "model.sensing_width=0.0625",
        "model.spectral_norm=true",
        "data.validation=12",
        "optimiser.batch=4",
        "optimiser.warmup=0",
        "validation.images=4",
        "validation.steps=[2]",
    )
]


@pytest.fixture
def archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """CIFAR-10 and SVHN of a few made-up images, gradients of colour."""
    random = np.random.default_rng(0)
    ramp = np.linspace(0.3, 1, 32)[None, :, None, None]
    for name in ("cifar10", "svhn"):
        images = 255 * random.random((60, 1, 1, 3)) * ramp * np.ones((1, 1, 32, 1))
        images = images.astype(np.uint8)
        np.savez(tmp_path / f"{name}.npz", train_x=images[:40], test_x=images[40:])
    monkeypatch.setenv("BITPRIOR_DATA", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", ["cifar10", "svhn"])
def test_colour_data_are_channels_first_with_their_licence(archives: Path, name: str) -> None:
    data = load_dataset(name, 0, 12)
    assert data.geometry == (3, 32, 32)
    assert [len(p) for p in (data.train, data.validation, data.test)] == [28, 12, 20]
    assert data.peak == 255
    assert "research" in data.licence or "non-commercial" in data.licence
    with np.load(archives / f"{name}.npz") as stored:
        np.testing.assert_array_equal(data.test[3, 1], stored["test_x"][3, :, :, 1])


@pytest.mark.parametrize("name", ["cifar10", "svhn"])
def test_presets_are_convolutional_and_of_first_order(name: str) -> None:
    config = validate(read_preset(name))
    assert (config.model.generator, config.model.sensing) == ("dcgan", "conv")
    assert config.inner.order == "first"


@pytest.mark.parametrize(("name", "bits"), [("cifar10", 4), ("cifar10", 1), ("svhn", 32)])
def test_a_run_on_colour_images_becomes_a_bundle_that_recovers(
    archives: Path, capsys: pytest.CaptureFixture[str], name: str, bits: int
) -> None:
    run, out = archives / "run", archives / "prior.bitprior"
    arguments = ["--bits", str(bits), "--measurements", "9", "--sparsity", "5", "--steps", "4"]
    assert bitprior(["train", name, "--out", str(run), *arguments, *TINY]) == 0
    assert bitprior(["export", str(run), "--out", str(out)]) == 0
    assert bitprior(["verify", str(out)]) == 0
    assert "Exported 4 layers" in capsys.readouterr().out
    record = json.loads((run / "run.json").read_text())
    assert (
        record["parameters"]["generator"] == 6 * 16**2 + 16 * 8 * 16 + 8 * 4 * 16 + 4 * 3 * 16 + 56
    )
    model = load(out)
    tensors = [t for n, t in model.bundle.generator.tensors.items() if n.endswith(".weight")]
    assert [t.bits for t in tensors] == [bits] * 4
    if bits < 32:
        assert {t.axis for t in tensors} == {1}
    data = load_dataset(name, 0, 12)
    images = data.images(data.test[:5])
    recovery = model.recover(model.sense(images), seed=0)
    assert recovery.image.shape == images.shape
    z0 = initial_latents(5, 6, 0)[0]
    options = ProximalOptions(10, model.bundle.manifest.solver.step_size, 5)
    parity = compare_with_torch(model, run, images, z0, options)
    assert parity.gradient < 1e-4
    assert parity.trace_float64 < 1e-6


def test_training_goes_on_after_a_stop_as_if_there_had_been_none(
    archives: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, stopped = archives / "whole", archives / "stopped"
    arguments = ["--sparsity", "5", "--steps", "4", "--set=run.checkpoint_every=2", *TINY]
    assert bitprior(["train", "cifar10", "--out", str(whole), *arguments]) == 0
    with monkeypatch.context() as patch:
        patch.setattr(Learner, "step", _stops_at(3, Learner.step))
        assert bitprior(["train", "cifar10", "--out", str(stopped), *arguments]) != 0
    assert load_checkpoint(stopped)[1]["step"] == 2
    assert bitprior(["train", "cifar10", "--out", str(stopped), "--resume"]) == 0
    expected, found = (load_checkpoint(run)[0] for run in (whole, stopped))
    assert expected.keys() == found.keys()
    assert any("running_var" in name for name in expected)
    assert any("weight.original" in name for name in expected)
    for name, tensor in expected.items():
        assert torch.equal(tensor, found[name]), name


def _stops_at(last: int, step: Callable[..., Losses]) -> Callable[..., Losses]:
    def stopping(self: Learner, x: torch.Tensor, z0: torch.Tensor, number: int) -> Losses:
        if number == last:
            raise UsageError("no stop", "a stop", "go on")
        return step(self, x, z0, number)

    return stopping


def test_exported_sensing_weights_are_plain(archives: Path) -> None:
    run = archives / "run"
    assert bitprior(
        ["train", "cifar10", "--out", str(run), "--sparsity", "5", "--steps", "2", *TINY]
    ) == 0  # fmt: skip
    export_run(run, archives / "prior.bitprior")
    networks = load_networks(run)
    program = load(archives / "prior.bitprior").bundle.sensing
    for name, weight in networks.sensing.state_dict().items():
        np.testing.assert_array_equal(program.tensors[name].values(), weight.numpy())
    norms = [
        np.linalg.norm(w.values().reshape(len(w.values()), -1), 2)
        for n, w in program.tensors.items()
        if n.endswith("weight")
    ]
    assert len(norms) == 8
    # Power iterations approach the norm from below; a few steps see fifteen or so.
    assert 0.99 < min(norms) <= max(norms) < 1.6
