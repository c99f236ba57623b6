"""Two real exports to one name at once, and exports that are killed half-way."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bitprior_runtime import load
from builders.runs import make_run

SECONDS = 120.0


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "run")


@contextlib.contextmanager
def export(run: Path, out: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "bitprior_runtime", "export", str(run), "--out", str(out)]
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.communicate()


def wait_for(child: "subprocess.Popen[str]", there: Path, pattern: str) -> None:
    """Wait until a file of that name is in the folder."""
    end = time.monotonic() + SECONDS
    while not any(there.glob(pattern)):
        assert child.poll() is None, child.stderr and child.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.002)


def whole(out: Path) -> None:
    """Check that a bundle and its ONNX files belong together, and that nothing else is there."""
    model = load(out)
    assert all(check.passed for check in model.verify("onnx"))
    names = sorted(path.name for path in out.parent.iterdir())
    assert names == ["m-onnx", "m.bitprior"]


def test_of_two_exports_to_one_name_one_wins_and_the_other_says_so(run, tmp_path):
    out = tmp_path / "m.bitprior"
    with export(run, out) as first:
        wait_for(first, tmp_path, ".m.bitprior.lock")
        os.killpg(first.pid, signal.SIGSTOP)  # however slow the second one starts
        with export(run, out) as second:
            _, complaint = second.communicate(timeout=SECONDS)
        os.killpg(first.pid, signal.SIGCONT)
        said, _ = first.communicate(timeout=SECONDS)
    assert second.returncode == 2
    assert complaint.splitlines()[-1].startswith("bitprior: expected to be the only one who writes")
    assert len(complaint.splitlines()) == 1
    assert first.returncode == 0, said
    whole(out)


def test_two_exports_that_start_together_leave_one_whole_bundle(run, tmp_path):
    out = tmp_path / "m.bitprior"
    with export(run, out) as first, export(run, out) as second:
        complaints = [child.communicate(timeout=SECONDS)[1] for child in (first, second)]
    assert {first.returncode, second.returncode} <= {0, 2}
    assert 0 in (first.returncode, second.returncode)
    assert "Traceback" not in "".join(complaints)
    whole(out)


@pytest.mark.parametrize("when", [".m.bitprior.lock", ".m-onnx.*"])
def test_what_a_killed_export_leaves_is_removed_by_the_next(run, tmp_path, when):
    out = tmp_path / "m.bitprior"
    with export(run, out) as first:
        wait_for(first, tmp_path, when)
        os.killpg(first.pid, signal.SIGKILL)
        first.communicate(timeout=SECONDS)
    assert first.returncode == -signal.SIGKILL
    assert any(tmp_path.glob(".*"))
    assert not out.exists()
    with export(run, out) as second:
        _, complaint = second.communicate(timeout=SECONDS)
    assert second.returncode == 0, complaint
    whole(out)
