"""A run that follows its prior: its log, and coming back after a kill at any time of it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from bitprior_train.checkpoint import load_checkpoint, save_checkpoint
from bitprior_train.following import Follower
from bitprior_train.learner import Learner
from bitprior_train.runlog import read_metrics, truncate_metrics
from bitprior_train.session import Request, train_run
from builders.tiny_training import TINY_NETWORKS

TINY = (
    *TINY_NETWORKS,
    "optimiser.batch=8",
    "optimiser.steps=6",
    "validation.images=4",
    "validation.steps=[2]",
    "run.log_every=1",
    "run.checkpoint_every=4",
)
FOLLOWS = ("quantiser.bits=2", "following.steps=10", "following.images=20", "following.batch=16")


@pytest.fixture(scope="module")
def prior(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished 32-bit run."""
    folder = tmp_path_factory.mktemp("priors") / "float"
    train_run(Request("digits", folder, overrides=TINY))
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, prior: Path) -> Path:
    """A run that followed it undisturbed."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    train_run(request(folder, prior))
    return folder


def request(out: Path, prior: Path, *overrides: str) -> Request:
    return Request("digits", out, overrides=(*TINY, *FOLLOWS, *overrides), init_from=prior)


def entries(run: Path, kind: str) -> list[dict[str, Any]]:
    return [e for e in read_metrics(run / "metrics.jsonl") if e["kind"] == kind]


def assert_same_run(run: Path, other: Path) -> None:
    assert read_metrics(run / "metrics.jsonl") == read_metrics(other / "metrics.jsonl")
    (ours, meta), (theirs, other_meta) = load_checkpoint(run), load_checkpoint(other)
    assert meta == other_meta
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name]), name


def test_the_curve_is_in_the_log_and_before_that_of_algorithm_1(whole: Path) -> None:
    kinds = [e["kind"] for e in read_metrics(whole / "metrics.jsonl")]
    assert kinds == ["following"] * 10 + ["train"] * 6 + ["validation"]
    curve = entries(whole, "following")
    assert [e["step"] for e in curve] == list(range(1, 11))
    assert all(e.keys() == {"kind", "step", "squared_error", "lr"} for e in curve)
    assert all(e["squared_error"] > 0 for e in curve)
    assert curve[0]["lr"] == pytest.approx(2e-3 / 200)


def test_tensorboard_has_the_curve_in_a_folder_of_its_own(whole: Path) -> None:
    events = EventAccumulator(str(whole / "following"))
    events.Reload()
    found = [(e.step, e.value) for e in events.Scalars("following/squared_error")]
    curve = [(e["step"], pytest.approx(e["squared_error"])) for e in entries(whole, "following")]
    assert found == curve
    rest = EventAccumulator(str(whole))
    rest.Reload()
    assert not [tag for tag in rest.Tags()["scalars"] if "following" in tag]


def test_only_every_so_many_steps_are_logged_and_the_last(prior: Path, tmp_path: Path) -> None:
    train_run(request(tmp_path / "run", prior, "run.log_every=4"))
    assert [e["step"] for e in entries(tmp_path / "run", "following")] == [4, 8, 10]


def test_entries_of_a_phase_are_dropped_without_those_of_the_other(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    lines = [f'{{"kind": "{k}", "step": {n}}}\n' for k in ("following", "train") for n in (1, 2)]
    path.write_text("".join(lines))
    truncate_metrics(path, 1)
    assert path.read_text() == "".join(lines[:3])
    truncate_metrics(path, 1, "following")
    assert path.read_text() == "".join([lines[0], lines[2]])


def test_what_only_following_needs_leaves_the_checkpoint_with_it(whole: Path) -> None:
    tensors, meta = load_checkpoint(whole)
    assert meta["followed"] == 10
    assert not [name for name in tensors if name.startswith("following.")]


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("killed_at", [0, 3, 4, 9])
def test_a_run_resumed_while_it_followed_equals_an_uninterrupted_one(
    whole: Path, prior: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    folder, step = tmp_path / "killed", Follower.step

    def dying(self: Follower, number: int) -> float:
        if number == killed_at:
            raise Killed
        return step(self, number)

    monkeypatch.setattr(Follower, "step", dying)
    with pytest.raises(Killed):
        train_run(request(folder, prior))
    assert load_checkpoint(folder)[1]["followed"] == killed_at // 4 * 4
    monkeypatch.setattr(Follower, "step", step)
    # The prior's latents are in the checkpoint: they are not recovered again.
    monkeypatch.delattr("bitprior_train.following.prior_latents")
    train_run(Request("digits", folder, resume=True))
    assert_same_run(folder, whole)


def test_a_run_killed_before_its_latents_were_found_finds_them_again(
    whole: Path, prior: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dying(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("bitprior_train.following.prior_latents", dying)
        with pytest.raises(Killed):
            train_run(request(tmp_path / "killed", prior))
    train_run(Request("digits", tmp_path / "killed", resume=True))
    assert_same_run(tmp_path / "killed", whole)


def test_a_kill_early_in_algorithm_1_does_not_repeat_following(
    whole: Path, prior: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dying(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Learner, "step", dying)
        with pytest.raises(Killed):
            train_run(request(tmp_path / "killed", prior))
    monkeypatch.setattr(Follower, "step", dying)
    train_run(Request("digits", tmp_path / "killed", resume=True))
    assert_same_run(tmp_path / "killed", whole)


def test_a_run_that_followed_before_its_folder_was_made_goes_on_without(
    prior: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, few = tmp_path / "old", "optimiser.steps=4"
    train_run(request(folder, prior, few))
    tensors, meta = load_checkpoint(folder)
    del meta["followed"]
    save_checkpoint(folder, tensors, {**meta, "step": 2, "ended": False})
    text = (folder / "config.toml").read_text()
    assert text.count('schedule = "cosine"') == 2
    (folder / "config.toml").write_text(text.replace('schedule = "cosine"\n', "", 1))
    monkeypatch.delattr(Follower, "step")
    assert train_run(Request("digits", folder, resume=True)).steps == 4


def test_a_run_killed_by_the_system_while_it_followed_resumes_to_the_same_curve(
    prior: Path, tmp_path: Path
) -> None:
    more = ("following.steps=200", "run.checkpoint_every=25")
    train_run(request(tmp_path / "whole", prior, *more))
    folder = tmp_path / "killed"
    code = (
        "import sys; from pathlib import Path\n"
        "from bitprior_train.session import Request, train_run\n"
        "out, prior = map(Path, sys.argv[1:3])\n"
        "train_run(Request('digits', out, overrides=tuple(sys.argv[3:]), init_from=prior))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(folder), str(prior), *TINY, *FOLLOWS, *more],
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    deadline = time.monotonic() + 60
    while len(read_metrics(folder / "metrics.jsonl")) < 30 and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait(60) == -signal.SIGKILL, "the run ended before it was killed"
    assert 0 < load_checkpoint(folder)[1]["followed"] < 200
    train_run(Request("digits", folder, resume=True))
    assert_same_run(folder, tmp_path / "whole")
