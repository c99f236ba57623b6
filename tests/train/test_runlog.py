"""The log of a run: for programs, for people at a terminal, for people without one."""

import io
import sys
from pathlib import Path
from typing import Any

import pytest

from bitprior_train.runlog import RunLog, read_metrics, truncate_metrics


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def entry(step: int) -> dict[str, Any]:
    return {"kind": "train", "step": step, "loss": 0.5}


def log_two_steps(folder: Path, start: int = 0) -> None:
    with RunLog(folder, start, 2) as log:
        log.write(entry(start + 1))
        log.sync()
        log.advance(start + 1)
        log.advance(2, "all is well")


def test_a_terminal_sees_a_bar_and_the_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    log_two_steps(tmp_path)
    assert "training" in terminal.getvalue()
    assert "2/2" in terminal.getvalue()
    assert "step 2/2: all is well" in terminal.getvalue()


def test_anything_else_sees_plain_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log_two_steps(tmp_path)
    assert capsys.readouterr().err == "step 2/2: all is well\n"


def test_entries_are_kept_up_to_where_the_run_goes_on(tmp_path: Path) -> None:
    log_two_steps(tmp_path, start=0)
    log_two_steps(tmp_path, start=1)
    assert read_metrics(tmp_path / "metrics.jsonl") == [entry(1), entry(2)]
    log_two_steps(tmp_path, start=0)
    assert read_metrics(tmp_path / "metrics.jsonl") == [entry(1)]


def test_a_torn_last_line_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}\n{"step": 3}\n{"ste')
    truncate_metrics(path, 2)
    assert path.read_text() == '{"step": 1}\n{"step": 2}\n'


def test_no_log_yet_is_an_empty_one(tmp_path: Path) -> None:
    assert read_metrics(tmp_path / "metrics.jsonl") == []
