"""Photo priors from the command line."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from bitprior_runtime.cli.main import run as bitprior
from bitprior_train.checkpoint import load_checkpoint
from bitprior_train.photo.config import PhotoConfig
from bitprior_train.photo.photos import VALIDATION, load_photos
from bitprior_train.photo.session import resolve_photo
from bitprior_train.photo.trainer import PhotoTrainer, start_photo
from bitprior_train.presets import PRIORS, preset_names
from bitprior_train.runlog import read_metrics
from bitprior_train.session import Request
from builders.photo_runs import drawn_sets, photo_config

TINY = (
    "model.channels=6",
    "model.steps=2",
    "optimiser.crops=1",
    "operators.largest=16",
    "validation.photos=1",
    "validation.block=16",
    "run.log_every=1",
    "run.checkpoint_every=2",
)
COMMAND = ["train", "dead-leaves", "--prior", "photo"]
WRITTEN = {
    "checkpoint.safetensors",
    "config.toml",
    "crops.npz",
    "generator.onnx",
    "metrics.jsonl",
    "penalty.onnx",
    "run.json",
    "samples.npz",
    "schedule.npz",
    "start.onnx",
}


def train(out: Path, *arguments: str, steps: int = 4) -> int:
    tiny = [f"--set={text}" for text in TINY]
    return bitprior([*COMMAND, "--out", str(out), "--steps", str(steps), *tiny, *arguments])


def without_times(entries: list[dict]) -> list[dict]:  # type: ignore[type-arg]
    return [{k: v for k, v in entry.items() if k != "seconds"} for entry in entries]


@pytest.fixture(scope="module")
def run32(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photo") / "run32"
    assert train(folder) == 0
    return folder


def test_a_run_leaves_what_export_needs_and_says_what_it_trained_on(run32: Path) -> None:
    names = {path.name for path in run32.iterdir()}
    assert names > WRITTEN
    assert any(name.startswith("events.out.tfevents") for name in names)
    record = json.loads((run32 / "run.json").read_text())
    assert (record["kind"], record["bits"], record["steps"]) == ("photo", 32, 4)
    assert record["photos"] == ["dead-leaves"]
    assert "free of any rights" in record["licence"]
    kinds = [entry["kind"] for entry in read_metrics(run32 / "metrics.jsonl")]
    assert kinds.count("train") == 4
    assert kinds.count("validation") == 2


@pytest.mark.parametrize(
    ("bits", "line"),
    [(4, "4-bit, D 8-bit"), (3, "3-bit, edges 4-bit, D 8-bit"), (1, "1-bit, edges 4-bit, D 8-bit")],
)
def test_low_bit_priors_start_from_the_float_one(
    bits: int, line: str, run32: Path, tmp_path: Path
) -> None:
    wider = ["--set", "model.channels=9"] if bits == 1 else []
    out = tmp_path / "low"
    assert train(out, "--bits", str(bits), "--init-from", str(run32), *wider, steps=1) == 0
    record = json.loads((out / "run.json").read_text())
    assert record["bits"] == bits
    assert record["widths"].startswith(line)
    channels = 9 if wider else 6
    assert record["weights"]["8"] == 12 * channels
    assert sum(record["weights"].values()) == 27 * channels**2 + (108 + 12) * channels
    assert len(record["levels"]["penalty.weight"]) <= 2**bits
    assert record["init_from"] == str(run32)


def test_a_run_killed_in_between_ends_as_one_that_was_not(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert train(whole, steps=6) == 0
    tiny = [f"--set={text}" for text in TINY]
    command = [*COMMAND, "--out", str(killed), "--steps", "6", *tiny]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "bitprior_runtime", *command],
        env=environment,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    metrics, end = killed / "metrics.jsonl", time.monotonic() + 900
    while time.monotonic() < end and process.poll() is None:
        if any(e["kind"] == "validation" for e in read_metrics(metrics)):
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (killed / "run.json").exists(), "it ended before it was killed"
    assert bitprior([*COMMAND, "--out", str(killed), "--resume"]) == 0
    (ended, _), (expected, _) = load_checkpoint(killed), load_checkpoint(whole)
    assert ended.keys() == expected.keys()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in ended.items())
    curves = [without_times(read_metrics(run / "metrics.jsonl")) for run in (killed, whole)]
    assert curves[0] == curves[1]


def test_another_seed_gives_another_run(run32: Path, tmp_path: Path) -> None:
    assert train(tmp_path / "other", "--seed", "1", steps=2) == 0
    first, other = (
        read_metrics(run / "metrics.jsonl")[0]["loss"] for run in (run32, tmp_path / "other")
    )
    assert first != other


def test_distillation_follows_the_prior_that_the_run_starts_from(tmp_path: Path) -> None:
    config, sets = photo_config(32), drawn_sets()
    start_photo(config, sets, tmp_path / "float", None)
    following = PhotoConfig.model_validate(
        photo_config(4).model_dump() | {"loss": {"distillation": 0.5}}
    )
    losses = []
    for name, each in (("plain", photo_config(4)), ("following", following)):
        start_photo(each, sets, tmp_path / name, tmp_path / "float")
        PhotoTrainer(each, sets, tmp_path / name).run()
        losses.append(read_metrics(tmp_path / name / "metrics.jsonl")[0]["loss"])
    assert losses[0] != losses[1]
    tensors, meta = load_checkpoint(tmp_path / "following")
    before, _ = load_checkpoint(tmp_path / "float")
    assert meta["teacher"]["bits"] == 32
    name = "generator.hidden.weight"
    assert torch.equal(tensors[f"teacher.{name}"], before[f"networks.{name}"])


def test_photos_of_a_folder_are_split_without_reading_test_photos(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    photos = random.integers(0, 256, (VALIDATION + 3, 100, 100), dtype=np.uint8)
    np.savez(tmp_path / "photos.npz", train_x=photos, test_x="never read")
    colour = random.integers(0, 256, (VALIDATION + 1, 96, 96, 3), dtype=np.uint8)
    np.savez(tmp_path / "coco128.npz", train_x=colour, test_x="never read")
    sets = load_photos(tmp_path)
    assert sets.names == ("photos", "coco128")
    assert "BSDS500" in sets.licence
    assert len(sets.main) == 3
    assert len(sets.validation) == VALIDATION
    seen = {photo.tobytes() for photo in (*sets.main, *sets.validation)}
    assert seen == {photo.tobytes() for photo in photos}
    assert sets.others[0].shape == (VALIDATION + 1, 96, 96)
    os.remove(tmp_path / "coco128.npz")
    assert load_photos(tmp_path).split_hash != sets.split_hash


@pytest.mark.parametrize("bits", [32, 4, 3, 2, 1])
def test_every_width_has_its_preset(bits: int) -> None:
    request = Request("photos", Path(), options={"quantiser": {"bits": bits}} if bits < 32 else {})
    config = resolve_photo(request, "photo")
    assert config.model.bits == bits
    assert config.data.name == "photos"
    assert (config.model.edge_bits, config.model.linear_bits) == (
        (32, 32) if bits == 32 else (4, 8)
    )
    if bits < 32:
        assert f"photo-{bits}bit" in preset_names(PRIORS)
        assert resolve_photo(Request("photos", Path()), f"photo-{bits}bit") == config
    wide, narrow = (resolve_photo(Request("photos", Path()), f"photo-{b}bit").model for b in (1, 4))
    assert 9 * wide.channels**2 <= 4 * 9 * narrow.channels**2  # no more bytes inside


def test_wrong_requests_are_one_line(
    run32: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BITPRIOR_DATA", raising=False)
    out, other = str(tmp_path / "new"), str(tmp_path / "copy")
    shutil.copytree(run32, other)
    resume = [*COMMAND, "--out", other, "--resume"]
    wrong = {
        "expected a data set of photos": ["train", "mnist", "--prior", "photo", "--out", out],
        "drop --system": [*COMMAND, "--out", out, "--system", "dcs"],
        "set BITPRIOR_DATA": ["train", "photos", "--prior", "photo", "--out", out],
        "unknown key 'model.chanels'": [*COMMAND, "--out", out, "--set", "model.chanels=3"],
        "run.device 'cuda'": [*COMMAND, "--out", out, "--set", "run.device=cuda"],
        "the checkpoint of a run": [*COMMAND, "--out", out, "--init-from", str(tmp_path / "no")],
        "loss.distillation is not 0": [*COMMAND, "--out", out, "--set", "loss.distillation=1"],
        "a folder without a run": [*COMMAND, "--out", other],
        "unchanged; found other values": [*resume, "--steps", "9"],
        "model.steps 2": [*COMMAND, "--out", out, "--init-from", other],
        "model.channels of at least 6": [
            *COMMAND, "--out", out, "--init-from", other, "--set", "model.steps=2",
            "--set", "model.channels=4",
        ],
    }  # fmt: skip
    for expected, arguments in wrong.items():
        assert bitprior(arguments) != 0
        error = capsys.readouterr().err
        assert expected in error, error
        assert len(error.splitlines()) == 1, error
    assert not Path(out).exists()


def test_a_run_with_other_photos_is_not_resumed(tmp_path: Path) -> None:
    config = photo_config(32)
    start_photo(config, drawn_sets(), tmp_path, None)
    others = drawn_sets()
    object.__setattr__(others, "split_hash", "1" * 64)
    with pytest.raises(Exception, match="the photos the run began with"):
        PhotoTrainer(config, others, tmp_path)
