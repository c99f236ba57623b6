"""Linear-residual priors from the command line to a recovery from a bundle."""

import json
import shlex
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

import bitprior_runtime
from bitprior_runtime.cli.main import run as bitprior
from bitprior_train.checkpoint import load_checkpoint
from bitprior_train.residual.session import resolve_residual
from bitprior_train.runlog import read_metrics
from bitprior_train.session import Request
from bitprior_train.train_command import making_commands

TINY = [
    f"--set={override}"
    for override in (
        "data.validation=70",
        "model.filters=16",
        "model.blocks=1",
        "optimiser.batch=16",
        "optimiser.warmup=0",
        "optimiser.lr=2e-2",
        "validation.images=20",
        "validation.every=2",
        "run.log_every=1",
        "run.checkpoint_every=2",
        "run.precision=float32",
    )
]


@pytest.fixture(autouse=True)
def patterns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Made-up images of 8 x 8 pixels: a square somewhere, of some colour."""
    random = np.random.default_rng(0)
    images = np.full((220, 8, 8, 3), 40, np.uint8)
    for image in images:
        y, x = random.integers(0, 5, 2)
        image[y : y + 4, x : x + 4] = random.integers(60, 255, 3)
    np.savez(tmp_path / "cifar10.npz", train_x=images[:160], test_x=images[160:180])
    np.savez(tmp_path / "more.npz", train_x=images[178:])
    monkeypatch.setenv("BITPRIOR_DATA", str(tmp_path))
    return tmp_path


def train(out: Path, *arguments: str, steps: int = 4) -> int:
    command = ["train", "cifar10", "--prior", "linear-residual", "--measurements", "8"]
    return bitprior([*command, "--steps", str(steps), "--out", str(out), *TINY, *arguments])


def test_a_run_says_what_it_trained_and_what_the_steps_bring(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(tmp_path / "run", "--json", steps=40) == 0
    result = json.loads(capsys.readouterr().out)
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (record["kind"], record["bits"], record["steps"]) == ("linear-residual", 32, 40)
    assert record["bits_line"] == "32-bit"
    assert record["seconds"] > 0
    found = list(record["validation_psnr_by_steps"].values())
    assert result["validation_psnr"] == record["validation_psnr"] == max(found)
    # It learns beyond the components that it starts from.
    entries = read_metrics(tmp_path / "run" / "metrics.jsonl")
    validations = [e["psnr"]["0"] for e in entries if e["kind"] == "validation"]
    assert max(found) > validations[0] + 0.2


def test_a_low_bit_run_tells_which_weights_have_how_many_bits(tmp_path: Path) -> None:
    assert train(tmp_path / "float") == 0
    assert train(tmp_path / "low", "--bits", "1", "--init-from", str(tmp_path / "float")) == 0
    record = json.loads((tmp_path / "low" / "run.json").read_text())
    total = 8 * 192 + 2 * 3 * 16 * 16 + 4608
    mean = (8 * (total - 4608) + 4608) / total
    assert record["bits_line"] == f"1-bit, D 8-bit, edges 8-bit, mean {mean:.1f} bits"
    assert record["levels"]["blocks.0.first.weight"].keys() == {"-1", "1"}


@pytest.mark.parametrize("bits", ["4", "32"])
def test_a_resumed_run_ends_as_one_that_was_not_stopped(bits: str, tmp_path: Path) -> None:
    whole, broken, more = tmp_path / "whole", tmp_path / "broken", ["--bits", bits]
    assert train(whole, *more) == 0
    shutil.copytree(whole, broken)  # as a kill after the checkpoint of step 2 leaves it
    shutil.copy(_checkpoint_of_step_2(tmp_path, more), broken)
    resume = ["train", "cifar10", "--prior", "linear-residual", "--out", str(broken), "--resume"]
    assert bitprior(resume) == 0
    (ended, _), (expected, _) = load_checkpoint(broken), load_checkpoint(whole)
    assert ended.keys() == expected.keys()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in ended.items())
    assert read_metrics(broken / "metrics.jsonl") == read_metrics(whole / "metrics.jsonl")


def _checkpoint_of_step_2(tmp_path: Path, more: list[str]) -> Path:
    """Return the checkpoint of a run that an error ended in its third step."""
    from bitprior_train.residual.learner import ResidualLearner

    step = ResidualLearner.step

    def failing(learner: ResidualLearner, x: torch.Tensor, done: int, random: object) -> float:
        if done == 2:
            return float("nan")
        return step(learner, x, done, random)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ResidualLearner, "step", failing)
        assert train(tmp_path / "half", *more) == 1
    return tmp_path / "half" / "checkpoint.safetensors"


def test_further_training_images_are_used_but_never_those_held_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(tmp_path / "run", '--set=data.extra=["more"]') == 0
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    plain = len({i.tobytes() for i in np.load(tmp_path / "cifar10.npz")["train_x"]}) - 70
    assert record["dropped_images"] >= 2  # two of them are test images
    assert plain < record["training_images"] <= plain + 40
    assert train(tmp_path / "none", '--set=data.extra=["nowhere"]') != 0
    assert "nowhere.npz of further training images" in capsys.readouterr().err


def test_a_run_is_exported_evaluated_and_recovers_from_its_measurement(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(tmp_path / "float", steps=60) == 0
    low = tmp_path / "low"
    assert train(low, "--bits", "2", "--init-from", str(tmp_path / "float"), steps=30) == 0
    path = tmp_path / "low.bitprior"
    assert bitprior(["export", str(low), "--out", str(path), "--targets", "none"]) == 0
    model = bitprior_runtime.load(path)
    manifest = model.bundle.manifest
    assert manifest.name == "cifar10-linear-residual-2bit"
    assert manifest.measurement.kind == "linear"
    assert (manifest.bits, manifest.grid) == (2, "mid-rise")
    assert manifest.solver.initial_latent == "measurement"
    assert manifest.solver.steps in (1, 2, 3, 5)
    images = np.load(tmp_path / "cifar10.npz")["test_x"].transpose(0, 3, 1, 2) / np.float32(255)
    y = model.sense(images)
    start = model.generate(y).clip(0, 1)
    found = model.recover(y).image
    errors = [np.square(each - images).mean() for each in (start, found)]
    assert errors[1] < errors[0]
    capsys.readouterr()
    evaluate = ["evaluate", str(path), "--dataset", "cifar10", "--images", "20", "--json"]
    assert bitprior([*evaluate, "--components", "8"]) == 0
    result = json.loads(capsys.readouterr().out)
    (row,) = result["rows"]
    assert row["system"].startswith("2-bit linear-residual")
    assert row["start_psnr"]["mean"] < row["psnr"]["mean"]
    assert result["baselines"][1]["name"] == "PCA, k = 8"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--system", "dcs"], "drop --system"),
        (["--preset", "best"], "drop --preset"),
        (["--set=optimiser.batch=500"], "at most"),
        (["--set=model.latent=3"], "unknown key"),
        (["--sparsity", "3"], "sparsity"),
        (["--set=model.measurements=193"], "at most 192 measurements"),
        (["--set=validation.images=71"], "more than"),
    ],
)
def test_bad_requests_leave_nothing_behind(
    arguments: list[str],
    complaint: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert train(tmp_path / "run", *arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert complaint in line
    assert not (tmp_path / "run").exists()


def test_a_start_of_another_shape_or_of_fewer_measurements_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(tmp_path / "float", steps=1) == 0
    for other in ("model.filters=8", "model.measurements=9"):
        start = ["--init-from", str(tmp_path / "float"), f"--set={other}"]
        assert train(tmp_path / "next", *start) == 2
        assert "same [model]" in capsys.readouterr().err


def test_the_commands_of_a_bundle_lead_to_its_configuration() -> None:
    overrides = ("optimiser.unrolled=0.4", 'data.extra=["more"]', "model.filters=32")
    options = {"quantiser": {"bits": 2}, "model": {"measurements": 100}}
    config = resolve_residual(Request("cifar10", Path(), options=options, overrides=overrides))
    training = {
        "kind": "linear-residual",
        "config": config.model_dump(mode="json"),
        "init_from": "/elsewhere/runs/float",
    }
    train_line, export_line = making_commands(training, "low")
    words = shlex.split(train_line)
    assert words[:3] == ["bitprior", "train", "cifar10"]
    assert words[words.index("--init-from") + 1] == "runs/float"
    given = dict(zip(words[3:-2:2], words[4:-2:2], strict=True))
    assert given["--prior"] == "linear-residual"
    again = resolve_residual(
        Request(
            "cifar10",
            Path(),
            options={
                "quantiser": {"bits": int(given["--bits"])},
                "model": {"measurements": int(given["--measurements"])},
                "optimiser": {"steps": int(given["--steps"])},
            },
            overrides=tuple(v for k, v in pairwise(words) if k == "--set"),
        )
    )
    assert again == config
    assert export_line == "bitprior export runs/low --out low.bitprior"
