"""One run of a sweep: begun, continued, left alone, or failed."""

import subprocess
import sys
from typing import Any

import pytest

from bitprior_train.data import load_dataset
from bitprior_train.lock import exclusive
from bitprior_train.sweep import execute as module
from bitprior_train.sweep.execute import Outcome, command, execute
from bitprior_train.sweep.plan import Job, Question, plan
from bitprior_train.trainer import start_run


@pytest.fixture
def jobs(question: Question) -> list[Job]:
    question.out.mkdir()
    return plan(question)


def begin(job: Job) -> None:
    start_run(job.config, load_dataset("digits", 0, 200), job.request.out)


def says(monkeypatch: pytest.MonkeyPatch, status: int, output: bytes) -> list[dict[str, Any]]:
    """Let every process end like this; return how they were called."""
    calls: list[dict[str, Any]] = []

    def run(line: list[str], **options: Any) -> subprocess.CompletedProcess[bytes]:
        calls.append({"line": line, **options})
        options["stderr"].write(b"words\n")
        return subprocess.CompletedProcess(line, status, output)

    monkeypatch.setattr(module.subprocess, "run", run)
    return calls


def test_a_new_run_is_begun_with_everything_that_was_asked_for(jobs: list[Job]) -> None:
    line = command(jobs[1])
    folder = jobs[1].request.out
    assert line[:7] == [
        sys.executable, "-m", "bitprior_runtime", "train", "digits", "--json", "--out",
    ]  # fmt: skip
    assert line[7] == str(folder)
    assert line[8:10] == ["--init-from", str(jobs[0].request.out)]
    assert line[-2:] == ["--set", "quantiser.bits=4"]
    assert "--resume" not in line


def test_a_run_that_was_begun_is_continued(jobs: list[Job]) -> None:
    begin(jobs[0])
    assert command(jobs[0])[-3:] == ["--out", str(jobs[0].request.out), "--resume"]


def test_what_the_process_measured_is_the_outcome_and_its_words_are_the_log(
    jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = says(monkeypatch, 0, b'{"validation_psnr": 20.5, "images_per_s": 100}\n')
    outcome = execute(jobs[0], {"BITPRIOR_DATA": "there"})
    assert outcome == Outcome("trained", {"validation_psnr": 20.5, "images_per_s": 100})
    assert outcome.finished
    assert calls[0]["env"]["BITPRIOR_DATA"] == "there"
    log = jobs[0].request.out.with_name(f"{jobs[0].name}.log")
    assert log.read_text() == "words\n"


def test_an_error_says_what_the_process_said(
    jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    says(monkeypatch, 2, b'{"error": {"expected": "a", "found": "b", "todo": "c"}}')
    assert execute(jobs[0], {}) == Outcome("failed", error="expected a; found b; c")


@pytest.mark.parametrize("output", [b"", b"[1]", b"Killed"])
def test_a_process_that_says_nothing_is_named_by_its_status_and_log(
    jobs: list[Job], monkeypatch: pytest.MonkeyPatch, output: bytes
) -> None:
    says(monkeypatch, -9, output)
    outcome = execute(jobs[0], {})
    assert outcome.error == f"exit status -9; see {jobs[0].request.out}.log"
    assert not outcome.finished


def test_a_run_that_someone_else_is_training_is_left_alone(
    jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(jobs[0])
    calls = says(monkeypatch, 0, b"{}")
    with exclusive(jobs[0].request.out):
        assert execute(jobs[0], {}).state == "busy"
    assert not calls
    assert execute(jobs[0], {}).state == "trained"


def test_a_finished_run_is_left_alone(jobs: list[Job], monkeypatch: pytest.MonkeyPatch) -> None:
    begin(jobs[0])
    (jobs[0].request.out / "run.json").write_text('{"validation_psnr": 21.5, "steps": 2}')
    calls = says(monkeypatch, 0, b"{}")
    assert execute(jobs[0], {}) == Outcome("there", {"validation_psnr": 21.5, "steps": 2})
    assert not calls
