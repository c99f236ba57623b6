"""``bitprior sweep`` from the command line."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bitprior_runtime.cli.main import run as bitprior
from bitprior_train.checkpoint import load_checkpoint
from bitprior_train.data import load_dataset
from bitprior_train.sweep import places, session
from bitprior_train.sweep.execute import Outcome
from bitprior_train.sweep.plan import Job, Question, plan
from bitprior_train.trainer import start_run
from builders.tiny_training import sweep_arguments

NAMES = ["digits-m6-s5-seed0-32bit", "digits-m6-s5-seed0-4bit"]


def test_a_sweep_continues_what_is_broken_trains_what_is_missing_and_skips_the_rest(
    question: Question, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = plan(question)[0]
    start_run(broken.config, load_dataset("digits", 0, 200), broken.request.out)
    assert bitprior(sweep_arguments(question, "--json")) == 0
    printed = capsys.readouterr()
    summary = json.loads(printed.out)
    assert [run["name"] for run in summary["runs"]] == NAMES
    assert summary["states"] == {"trained": 2}
    assert all(run["images_per_s"] > 0 for run in summary["runs"])
    assert "[2/2] digits-m6-s5-seed0-4bit: trained; " in printed.err
    assert json.loads((question.out / "sweep.json").read_text()) == summary
    meta = load_checkpoint(question.out / NAMES[1])[1]
    assert meta["init_from"] == str(question.out / NAMES[0])

    before = {p: p.read_bytes() for p in question.out.rglob("*.safetensors")}
    assert bitprior(sweep_arguments(question)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"Swept 2 runs in {question.out}: 2 there"
    psnr = [f"{run['validation_psnr']:.2f}" for run in summary["runs"]]
    assert [line.split() for line in lines[1:3]] == [
        [name, "there", value, "-"] for name, value in zip(NAMES, psnr, strict=True)
    ]
    assert {p: p.read_bytes() for p in question.out.rglob("*.safetensors")} == before


def test_a_run_that_fails_shows_in_the_table_and_in_the_exit_status(
    question: Question, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(job: Job, environment: Mapping[str, str]) -> Outcome:
        return Outcome("failed", error="no memory")

    monkeypatch.setattr(places, "execute", failing)
    assert bitprior(sweep_arguments(question)) == 1
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[1].split() == [NAMES[0], "failed", "-", "-", "no", "memory"]
    assert lines[2].split() == [NAMES[1], "blocked", "-", "-", NAMES[0], "is", "not", "finished"]
    assert lines[3].endswith(": 1 failed, 1 blocked")
    assert f"[1/2] {NAMES[0]}: failed; no memory" in printed.err


@pytest.mark.parametrize(
    "wrong",
    [
        ["--bits", "4,x"],
        ["--seed", ""],
        ["--sparsity", "9"],
        ["--jobs", "0"],
        ["--steps", "0"],
        ["--set", "optimiser.batch=2000"],
    ],
)
def test_a_wrong_argument_is_refused_before_any_work(question: Question, wrong: list[str]) -> None:
    assert bitprior(sweep_arguments(question, *wrong)) == 2
    assert not question.out.exists()


def test_ray_that_is_not_installed_is_named_with_its_extra(
    question: Question, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(places, "find_spec", lambda name: None)
    assert bitprior(sweep_arguments(question, "--ray", "local")) == 2
    assert "bitprior[ray]" in capsys.readouterr().err


def test_as_many_runs_at_a_time_as_were_asked_for(
    question: Question, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[int] = []
    pool = places.processes

    def watched(jobs: int) -> Any:
        asked.append(jobs)
        return pool(jobs)

    def finished(job: Job, environment: Mapping[str, str]) -> Outcome:
        return Outcome("there", {"validation_psnr": 20.0})

    monkeypatch.setattr(session, "processes", watched)
    monkeypatch.setattr(places, "execute", finished)
    assert bitprior(sweep_arguments(question, "--jobs", "3")) == 0
    assert asked == [3]
