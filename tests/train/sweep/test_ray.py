"""A sweep on a Ray cluster of this machine alone."""

import json
from pathlib import Path

import pytest

from bitprior_runtime.cli.main import run as bitprior
from bitprior_train.sweep.plan import Question
from builders.tiny_training import sweep_arguments

pytest.importorskip("ray", reason="make test-ray installs it")
# Ray's own: of its processes' log files, which end after it.
pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("ignore::ResourceWarning")]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray keeps its token at home."""
    monkeypatch.setenv("HOME", str(tmp_path))


def test_a_local_cluster_trains_a_sweep(
    question: Question, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bitprior(sweep_arguments(question, "--ray", "local", "--jobs", "1", "--json")) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["states"] == {"trained": 2}
    assert all((question.out / run["name"] / "run.json").exists() for run in summary["runs"])


def test_a_cluster_that_is_not_there_is_refused(
    question: Question, capsys: pytest.CaptureFixture[str]
) -> None:
    for address in ("127.0.0.1:9", "127.0.0.1:port"):
        assert bitprior(sweep_arguments(question, "--ray", address)) == 2
        assert f"a Ray cluster at {address}" in capsys.readouterr().err
