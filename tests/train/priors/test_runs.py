"""Priors from the command line to a recovery with a cut one."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from bitprior_export.cuts import cut
from bitprior_export.qonnx.document import open_onnx
from bitprior_export.qonnx.reader import translate
from bitprior_runtime.cli.main import run as bitprior
from bitprior_train.checkpoint import load_checkpoint
from bitprior_train.runlog import read_metrics

TINY = [
    f"--set={override}"
    for override in (
        "data.validation=6",
        "model.latent=4",
        "model.filters=2",
        "model.critic_filters=2",
        "optimiser.batch=4",
        "optimiser.schedule=constant",
        "run.log_every=1",
        "run.checkpoint_every=2",
    )
]


@pytest.fixture(autouse=True)
def faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Made-up images, gradients of colour."""
    random = np.random.default_rng(0)
    ramp = np.linspace(0.3, 1, 64)[None, :, None, None]
    images = (255 * random.random((30, 1, 1, 3)) * ramp * np.ones((1, 1, 64, 1))).astype(np.uint8)
    np.savez(tmp_path / "celeba64.npz", train_x=images[:26], test_x=images[26:])
    monkeypatch.setenv("BITPRIOR_DATA", str(tmp_path))
    return tmp_path


def train(kind: str, out: Path, *arguments: str, steps: int = 4) -> int:
    command = ["train", "celeba64", "--prior", kind, "--steps", str(steps), "--out", str(out)]
    return bitprior([*command, *TINY, *arguments])


def test_a_run_says_what_it_trained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train("vae", tmp_path / "run", "--json") == 0
    assert json.loads(capsys.readouterr().out)["steps"] == 4
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (record["prior"], record["bits"], record["steps"]) == ("vae", 32, 4)
    assert record["epochs"] == pytest.approx(4 * 4 / 20)
    with np.load(tmp_path / "run" / "samples.npz") as samples:
        assert samples["made"].shape == (64, 3, 64, 64)
        assert samples["images"].shape == (6, 3, 64, 64)


@pytest.mark.parametrize("kind", ["dcgan", "began", "vae"])
def test_a_resumed_run_ends_as_one_that_was_not_stopped(kind: str, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert train(kind, whole) == 0
    assert train(kind, tmp_path / "half", steps=2) == 0
    shutil.copytree(whole, broken)  # as a kill after the checkpoint of step 2 leaves it
    shutil.copy(tmp_path / "half" / "checkpoint.safetensors", broken)
    resume = ["train", "celeba64", "--prior", kind, "--out", str(broken), "--resume"]
    assert bitprior(resume) == 0
    (ended, _), (expected, _) = load_checkpoint(broken), load_checkpoint(whole)
    assert ended.keys() == expected.keys()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in ended.items())
    assert read_metrics(broken / "metrics.jsonl") == read_metrics(whole / "metrics.jsonl")


@pytest.mark.parametrize(("kind", "block"), [("dcgan", 1), ("vae", 1), ("began", 2)])
def test_a_low_bit_prior_is_exported_cut(kind: str, block: int, tmp_path: Path) -> None:
    assert train(kind, tmp_path / "float", steps=2) == 0
    follow = ["--bits", "3", "--init-from", str(tmp_path / "float")]
    assert train(kind, tmp_path / "low", *follow, steps=2) == 0
    record = json.loads((tmp_path / "low" / "run.json").read_text())
    assert len(record["levels"]["map.weight" if kind != "dcgan" else "layers.0.weight"]) <= 8
    program = translate(open_onnx(tmp_path / "low" / "generator.onnx"), "generator", "z", "x")
    latents = cut(program.program, block).latents
    assert [np.prod(shape) for shape in latents.values()] == {
        "dcgan": [16 * 16],
        "vae": [16 * 16],
        "began": [2 * 256, 2 * 64],
    }[kind]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--system", "dcs"], "drop --system"),
        (["--preset", "best"], "drop --preset"),
        (["--bits", "4"], "--init-from"),
        (["--set=optimiser.batch=27"], "at most 20"),
        (["--set=model.latents=3"], "unknown key"),
        (["--measurements", "9"], "measurements"),
    ],
)
def test_bad_requests_leave_nothing_behind(
    arguments: list[str],
    complaint: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert train("vae", tmp_path / "run", *arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert complaint in line
    assert not (tmp_path / "run").exists()


def test_an_unknown_prior_is_refused_with_the_known_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("gan", tmp_path / "run") == 2
    refusal = capsys.readouterr().err
    for prior in ("began", "dcgan", "linear-residual", "photo", "photo-4bit", "vae"):
        assert prior in refusal


def test_a_start_of_another_shape_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("vae", tmp_path / "float", steps=1) == 0
    start = ["--init-from", str(tmp_path / "float"), "--set=model.latent=5"]
    assert train("vae", tmp_path / "next", *start) == 2
    assert "same [model]" in capsys.readouterr().err
