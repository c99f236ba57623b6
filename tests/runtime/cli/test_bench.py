"""``bitprior bench``: every engine in a process of its own, in text and JSON."""

import json
import subprocess

import pytest

from bitprior_runtime.bench import run
from bitprior_runtime.bench.measure import peak_rss_mb
from bitprior_runtime.cli.main import run as run_cli
from bitprior_runtime.errors import BitpriorError


def bench(capsys, *arguments):
    status = run_cli(["bench", *map(str, arguments)])
    return status, *capsys.readouterr()


def test_a_row_says_what_ran_and_what_it_cost(capsys, bundle_path):
    flags = ("--engine", "float", "--kernel", "numpy", "--batch", 2, "--threads", 1)
    status, out, _ = bench(capsys, bundle_path, *flags, "--json")
    assert status == 0
    (row,) = json.loads(out)["rows"]
    assert (row["engine"], row["kernel"], row["batch"], row["threads"]) == ("float", "numpy", 2, 1)
    assert 0 < row["gradient_us_p10"] <= row["gradient_us"] <= row["gradient_us_p90"]
    assert row["gradients"] >= 30
    assert row["recovery_ms"] > 0
    assert 10 < row["peak_rss_mb"] < 1000
    assert row["macs"] > 0


def test_an_engine_that_cannot_run_is_named_with_the_reason(capsys, bundle_path):
    status, out, _ = bench(capsys, bundle_path, "--engine", "integer", "--kernel", "numpy")
    assert status == 0
    assert "integer/numpy cannot run here: " in out
    assert "calibrated ranges" in out


@pytest.mark.parametrize("flags", [("--batch", 0), ("--threads", 0), ("--engine", "gpu")])
def test_wrong_arguments_are_refused_before_any_work(capsys, bundle_path, flags):
    status, out, err = bench(capsys, bundle_path, *flags)
    assert status == 2
    assert out == ""
    assert len(err.splitlines()) == 1


def test_a_process_that_dies_is_an_error_with_its_last_words(monkeypatch, bundle_path):
    died = subprocess.CompletedProcess([], -4, stdout="", stderr="lines\nIllegal instruction\n")
    monkeypatch.setattr(run.subprocess, "run", lambda *args, **options: died)
    request = run.BenchRequest(bundle_path, (("float", "numpy"),), (1,), (1,))
    with pytest.raises(BitpriorError, match="exit status -4: Illegal instruction"):
        list(run.run_bench(request))


def test_peak_memory_is_that_of_this_process():
    with open("/proc/self/statm") as file:
        resident = int(file.read().split()[1]) * 4096 / 1e6
    assert peak_rss_mb() >= 0.9 * resident
