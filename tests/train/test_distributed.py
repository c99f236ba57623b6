"""Runs carried out by two processes: the same curve as that of one with the whole batch."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bitprior_runtime.errors import UsageError
from bitprior_train.checkpoint import load_checkpoint
from bitprior_train.distributed import Ranks, check_shares, ranks_of
from bitprior_train.runlog import read_metrics
from bitprior_train.session import Request, train_run
from bitprior_train.trainer import TrainResult
from builders.tiny_training import TINY_NETWORKS

WITHIN = 1e-3

MLP = (
    *TINY_NETWORKS,
    "quantiser.bits=4",
    "optimiser.batch=16",
    "optimiser.steps=24",
    "optimiser.clip_norm=5",
    "validation.images=10",
    "validation.every=12",
    "validation.steps=[3]",
    "run.log_every=1",
)

DCGAN = (
    "model.latent=6",
    "model.filters=4",
    "model.sensing_width=0.0625",
    "model.spectral_norm=true",
    "model.measurements=9",
    "model.sparsity=5",
    "quantiser.bits=32",
    "data.validation=12",
    "inner.order=second",
    "optimiser.batch=8",
    "optimiser.steps=20",
    "validation.images=4",
    "validation.every=2",
    "validation.steps=[2]",
    "validation.patience=2",
    "validation.min_delta=9",
    "run.log_every=1",
)


FOLLOWS = (
    *(o for o in MLP if "validation.every" not in o and "optimiser.steps" not in o),
    "quantiser.bits=2",
    "optimiser.steps=2",
    "following.steps=20",
    "following.lr=0.2",
    "following.batch=32",
    "following.images=30",
)
FLOAT = ("quantiser.bits=32", "following.steps=0")


def sets(overrides: tuple[str, ...]) -> list[str]:
    return [f"--set={override}" for override in overrides]


def losses(run: Path) -> dict[str, np.ndarray]:
    entries = [e for e in read_metrics(run / "metrics.jsonl") if e["kind"] == "train"]
    names = ("loss", "measurement", "s_rec", "gradient_difference", "beta")
    return {name: np.array([e[name] for e in entries]) for name in names}


def followed(run: Path) -> np.ndarray:
    entries = read_metrics(run / "metrics.jsonl")
    return np.array([e["squared_error"] for e in entries if e["kind"] == "following"])


def assert_same_curve(run: Path, other: Path) -> None:
    ours, theirs = losses(run), losses(other)
    for name, curve in theirs.items():
        np.testing.assert_allclose(ours[name], curve, rtol=WITHIN, err_msg=name)


def test_two_processes_of_torchrun_have_the_curve_of_one_with_both_batches(tmp_path: Path) -> None:
    train_run(Request("digits", tmp_path / "one", overrides=MLP))
    done = subprocess.run(
        [
            sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2",
            "-m", "bitprior_runtime", "train", "digits", "--out", str(tmp_path / "two"), *sets(MLP),
        ],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Trained 24 steps") == 1  # the first process alone says so
    assert done.stderr.count("step 12/24: validation PSNR") == 1
    assert_same_curve(tmp_path / "two", tmp_path / "one")
    assert len(losses(tmp_path / "two")["loss"]) == 24
    assert (tmp_path / "two" / "run.json").exists()


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CIFAR-10 of a few made-up images, gradients of colour."""
    random = np.random.default_rng(0)
    ramp = np.linspace(0.3, 1, 32)[None, :, None, None]
    stored = (255 * random.random((60, 1, 1, 3)) * ramp * np.ones((1, 1, 32, 1))).astype(np.uint8)
    np.savez(tmp_path / "cifar10.npz", train_x=stored[:40], test_x=stored[40:])
    monkeypatch.setenv("BITPRIOR_DATA", str(tmp_path))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def by_two_processes(request: Request, monkeypatch: pytest.MonkeyPatch) -> TrainResult:
    """Carry a run out by this process, as the first, and a second one."""
    for name, value in {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
        "WORLD_SIZE": "2",
        "RANK": "1",
        "LOCAL_RANK": "1",
    }.items():
        monkeypatch.setenv(name, value)
    start = ["--init-from", str(request.init_from)] if request.init_from else []
    second = subprocess.Popen(
        [
            sys.executable, "-m", "bitprior_runtime", "train", request.dataset,
            "--out", str(request.out), *start, *sets(request.overrides),
        ],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=dict(os.environ),
    )  # fmt: skip
    try:
        monkeypatch.setenv("RANK", "0")
        monkeypatch.setenv("LOCAL_RANK", "0")
        done = train_run(request)  # this process is the first
        output = second.communicate(timeout=120)[0]
    finally:
        second.kill()
    assert second.returncode == 0, output
    assert output == ""
    return done


@pytest.mark.usefixtures("images")
def test_two_processes_share_batch_statistics_and_stop_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = train_run(Request("cifar10", tmp_path / "one", overrides=DCGAN))
    assert 0 < one.steps < 20
    folder = tmp_path / "two"
    two = by_two_processes(Request("cifar10", folder, overrides=DCGAN), monkeypatch)
    assert two.steps == one.steps
    assert_same_curve(folder, tmp_path / "one")
    ours, theirs = (load_checkpoint(run)[0] for run in (folder, tmp_path / "one"))
    statistics = [n for n in theirs if "running_" in n]
    assert len(statistics) == 6
    for name in statistics:
        torch.testing.assert_close(ours[name], theirs[name], rtol=WITHIN, atol=1e-6)


def test_two_processes_follow_a_prior_with_the_curve_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prior, one, two = (tmp_path / name for name in ("float", "one", "two"))
    train_run(Request("digits", prior, overrides=(*FOLLOWS, *FLOAT)))
    train_run(Request("digits", one, overrides=FOLLOWS, init_from=prior))
    by_two_processes(Request("digits", two, overrides=FOLLOWS, init_from=prior), monkeypatch)
    ours, theirs = followed(two), followed(one)
    assert len(theirs) == 20
    assert theirs[-5:].mean() < 0.8 * theirs[:5].mean()
    np.testing.assert_allclose(ours, theirs, rtol=WITHIN)
    assert_same_curve(two, one)


def test_a_batch_that_processes_cannot_share_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"WORLD_SIZE": "3", "RANK": "0", "LOCAL_RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match="multiple of 3"):
        train_run(Request("digits", tmp_path / "run", overrides=MLP))
    assert not (tmp_path / "run").exists()
    check_shares(15, Ranks(0, 3))
    with pytest.raises(UsageError, match=r"following\.batch that 3 processes"):
        check_shares(16, Ranks(0, 3), "following.batch")


def test_shares_of_all_processes_are_the_batch() -> None:
    batch = list(range(12))
    shares = [batch[Ranks(rank, 3).share(12)] for rank in range(3)]
    assert sum(shares, []) == batch  # noqa: RUF017
    assert {len(share) for share in shares} == {4}


def test_torchrun_says_who_a_process_is() -> None:
    said: dict[str, Any] = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1"}
    assert ranks_of(said) == Ranks(3, 4, 1)
    assert not ranks_of(said).first
    assert ranks_of({}) == Ranks(0, 1)
    assert ranks_of({"WORLD_SIZE": "4"}).first  # of another launcher's job, not torchrun's
