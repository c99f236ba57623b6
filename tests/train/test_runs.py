"""Whole runs on the digits: their folder, their log, and coming back after a kill."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from bitprior_runtime.errors import CheckFailedError, MissingFileError, UsageError
from bitprior_train import trainer
from bitprior_train.checkpoint import load_checkpoint, save_checkpoint
from bitprior_train.data import load_dataset
from bitprior_train.learner import Learner
from bitprior_train.lock import exclusive
from bitprior_train.networks import load_networks
from bitprior_train.runlog import read_metrics
from bitprior_train.session import Request, train_run
from bitprior_train.settings import read_table, validate
from builders.tiny_training import TINY_NETWORKS

TINY = (
    *TINY_NETWORKS,
    "optimiser.batch=8",
    "optimiser.steps=12",
    "validation.images=10",
    "validation.every=6",
    "validation.steps=[1, 3]",
    "run.log_every=1",
    "run.checkpoint_every=4",
)


def request(out: Path, *overrides: str, **more: Any) -> Request:
    return Request("digits", out, overrides=(*TINY, *overrides), **more)


def metrics(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One finished 2-bit run."""
    folder = tmp_path_factory.mktemp("runs") / "two-bits"
    train_run(request(folder, "quantiser.bits=2"))
    return folder


def test_a_run_leaves_its_files_and_nothing_else(run: Path) -> None:
    names = sorted(p.name for p in run.iterdir())
    assert names.pop(2).startswith("events.out.tfevents.")  # TensorBoard's
    assert names == [
        "checkpoint.safetensors",
        "config.toml",
        "generator.onnx",
        "metrics.jsonl",
        "run.json",
        "samples.npz",
        "sensing.onnx",
    ]


def test_the_record_says_what_was_run(run: Path) -> None:
    record = json.loads((run / "run.json").read_text())
    config = validate(read_table(run / "config.toml"))
    data = load_dataset("digits", 0, 200)
    assert record["config"] == config.model_dump(mode="json")
    expected = {
        "dataset": "digits",
        "split_hash": data.split_hash,
        "licence": data.licence,
        "bits": 2,
        "grid": "wide",
        "scale": "learned",
        "granularity": "channel",
        "latent": 8,
        "measurements": 6,
        "sparsity": 5,
        "steps_inner": 3,
        "geometry": [1, 8, 8],
        "seed": 0,
        "steps": 12,
        "init_from": None,
        "parameters": {
            "generator": 8 * 12 + 12 + 12 * 64 + 64,
            "sensing": 64 * 12 + 12 + 12 * 6 + 6,
        },
    }
    assert {key: record[key] for key in expected} == expected
    assert record["step_size"] == load_networks(run).beta
    assert record["validation_psnr"] == metrics(run)[-1]["psnr"]["3"]
    assert record["versions"].keys() >= {"bitprior", "torch", "brevitas", "numpy"}


def test_the_samples_are_validation_images(run: Path) -> None:
    data = load_dataset("digits", 0, 200)
    with np.load(run / "samples.npz", allow_pickle=False) as samples:
        images = samples["images"]
    assert images.dtype == np.float32
    assert np.array_equal(images, data.images(data.validation[:64]))


def test_the_log_has_every_loss_and_the_validations(run: Path) -> None:
    entries = metrics(run)
    losses = [e for e in entries if e["kind"] == "train"]
    assert [e["step"] for e in losses] == list(range(1, 13))
    for entry in losses:
        parts = ("measurement", "s_rec", "gradient_difference")
        assert entry["loss"] == pytest.approx(sum(entry[p] for p in parts), rel=1e-5)
        assert {"beta", "lr"} <= entry.keys()
    validations = [e for e in entries if e["kind"] == "validation"]
    assert [e["step"] for e in validations] == [6, 12]
    assert all(e["psnr"].keys() == {"1", "3"} for e in validations)
    assert all(0 < z < 1 for e in validations for z in e["zeros"].values())


def test_loaded_networks_are_the_trained_ones_with_quantised_weights(run: Path) -> None:
    networks = load_networks(run)
    learner = Learner(validate(read_table(run / "config.toml")), (1, 8, 8))
    learner.load(load_checkpoint(run)[0])
    z, x = torch.randn(3, 8), torch.rand(3, 1, 8, 8)
    torch.testing.assert_close(networks.generator(z), learner.generator(z).detach())
    torch.testing.assert_close(networks.sensing(x), learner.sensing(x).detach())
    for name, weight in networks.generator.named_parameters():
        if name.endswith("weight"):
            assert max(len(row.unique()) for row in weight) <= 4
        assert not weight.requires_grad


def test_the_same_seed_gives_the_same_run(run: Path, tmp_path: Path) -> None:
    train_run(request(tmp_path / "again", "quantiser.bits=2"))
    assert metrics(tmp_path / "again") == metrics(run)


def test_another_seed_gives_another_run(run: Path, tmp_path: Path) -> None:
    train_run(request(tmp_path / "other", "quantiser.bits=2", "run.seed=1"))
    assert metrics(tmp_path / "other") != metrics(run)


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("killed_at", [0, 3, 4, 10])
def test_a_resumed_run_equals_an_uninterrupted_one(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    folder, step = tmp_path / "killed", Learner.step

    def dying(self: Learner, x: Any, z0: Any, number: int) -> Any:
        if number == killed_at:
            raise Killed
        return step(self, x, z0, number)

    monkeypatch.setattr(Learner, "step", dying)
    with pytest.raises(Killed):
        train_run(request(folder, "quantiser.bits=2"))
    monkeypatch.setattr(Learner, "step", step)
    train_run(Request("digits", folder, resume=True))
    assert metrics(folder) == metrics(run)
    _assert_same_weights(folder, run)


def _assert_same_weights(run: Path, other: Path) -> None:
    ours = load_file(run / "checkpoint.safetensors")
    theirs = load_file(other / "checkpoint.safetensors")
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert np.array_equal(tensor, theirs[name]), name


def test_a_run_killed_by_the_system_resumes_to_the_same_curve(tmp_path: Path) -> None:
    overrides = ("quantiser.bits=4", "optimiser.steps=150", "validation.every=50")
    train_run(request(tmp_path / "whole", *overrides))
    folder = tmp_path / "killed"
    code = (
        "import sys; from pathlib import Path\n"
        "from bitprior_train.session import Request, train_run\n"
        "train_run(Request('digits', Path(sys.argv[1]), overrides=tuple(sys.argv[2:])))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(folder), *TINY, *overrides],
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    deadline = time.monotonic() + 60
    while len(read_metrics(folder / "metrics.jsonl")) < 20 and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait(60) == -signal.SIGKILL, "the run ended before it was killed"
    step = load_checkpoint(folder)[1]["step"]
    assert 0 < step < 150
    train_run(Request("digits", folder, resume=True))
    assert metrics(folder) == metrics(tmp_path / "whole")
    _assert_same_weights(folder, tmp_path / "whole")


def test_resuming_a_finished_run_only_finishes_it_again(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    train_run(request(folder, "quantiser.bits=2"))
    (folder / "run.json").unlink()
    result = train_run(Request("digits", folder, resume=True))
    assert result.steps == 12
    assert metrics(folder) == metrics(run)
    assert json.loads((folder / "run.json").read_text()) == json.loads(
        (run / "run.json").read_text()
    )


def test_a_run_is_trained_by_one_process_at_a_time(run: Path) -> None:
    with exclusive(run), pytest.raises(UsageError, match="another process"):
        train_run(Request("digits", run, resume=True))


def test_a_run_can_start_from_another_of_any_bit_width(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "one-bit"
    train_run(request(folder, "quantiser.bits=1", "optimiser.lr=1e-9", init_from=run))
    ours, theirs = load_checkpoint(folder)[0], load_checkpoint(run)[0]
    for name in ("generator.layers.0.weight", "sensing.layers.2.weight", "log_beta"):
        torch.testing.assert_close(ours[name], theirs[name], rtol=0, atol=1e-6)
    assert json.loads((folder / "run.json").read_text())["init_from"] == str(run)


def test_a_run_of_the_same_quantiser_also_hands_on_its_scales(run: Path, tmp_path: Path) -> None:
    first, second, other = (tmp_path / name for name in ("first", "second", "other"))
    train_run(request(first, "quantiser.bits=1", "optimiser.scale_lr=1", init_from=run))
    still = ("quantiser.bits=1", "optimiser.lr=1e-12")
    train_run(request(second, *still, init_from=first))
    train_run(request(other, *still, "quantiser.granularity=tensor", init_from=first))
    theirs, ours = load_checkpoint(first)[0], load_checkpoint(second)[0]
    scales = [name for name in theirs if name.startswith("generator.") and "scal" in name]
    assert scales
    for name in scales:
        torch.testing.assert_close(ours[name], theirs[name])
        assert load_checkpoint(other)[0][name].shape != theirs[name].shape


def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    folder = tmp_path / "diverging"
    with pytest.raises(CheckFailedError, match="finite training loss"):
        train_run(request(folder, "loss.s_rec=3e38"))
    tensors, meta = load_checkpoint(folder)
    assert meta["step"] == 0
    assert all(torch.isfinite(t).all() for t in tensors.values())
    assert not (folder / "run.json").exists()


def test_other_images_than_the_run_began_with_are_refused(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "moved"
    tensors, meta = load_checkpoint(run)
    folder.mkdir()
    (folder / "config.toml").write_bytes((run / "config.toml").read_bytes())
    save_checkpoint(folder, tensors, {**meta, "split_hash": "0" * 64})
    with pytest.raises(UsageError, match="split 000000000000"):
        train_run(Request("digits", folder, resume=True))


def test_a_checkpoint_returns_what_was_saved(tmp_path: Path) -> None:
    tensors = {"a": torch.randn(2, 3).T, "step": torch.tensor(3.0)}
    save_checkpoint(tmp_path, tensors, {"step": 7, "name": "ü"})
    found, meta = load_checkpoint(tmp_path)
    assert meta == {"step": 7, "name": "ü"}
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[n], t) for n, t in tensors.items())


@pytest.mark.parametrize("content", [None, b"", b"torn", b"\x08" + b"\0" * 7 + b"{}      "])
def test_a_missing_or_foreign_checkpoint_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "checkpoint.safetensors").write_bytes(content)
    with pytest.raises(MissingFileError, match=r"checkpoint\.safetensors"):
        load_checkpoint(tmp_path)


def test_progress_is_plain_lines_on_stderr_without_a_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    train_run(request(tmp_path / "run"))
    printed = capfd.readouterr()
    assert printed.out == ""
    assert "step 6/12: validation PSNR" in printed.err
    assert "\x1b" not in printed.err


def test_the_loop_is_carried_out_with_the_configured_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(trainer.torch, "set_num_threads", asked.append)
    train_run(request(tmp_path / "run", "run.threads=2"))
    assert asked == [2]
