"""``bitprior bench``: every engine in a process of its own, in text and JSON."""

import json
import subprocess
import sys

import pytest

from bitprior_runtime import load
from bitprior_runtime.bench import run
from bitprior_runtime.bench.measure import measure, peak_rss_mb
from bitprior_runtime.board.energy import find_rails
from bitprior_runtime.board.state import BoardState
from bitprior_runtime.cli.main import run as run_cli
from bitprior_runtime.errors import BitpriorError
from builders.fake_board import put


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


def test_energy_comes_from_the_boards_meter_and_a_throttled_run_does_not_count(
    monkeypatch, bundle_path, tmp_path
):
    sensors = "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon3"
    shown = {"in1_label": "VDD_IN", "in1_input": "5000", "curr1_input": "1200"}
    put(tmp_path, {f"{sensors}/{name}": f"{text}\n" for name, text in shown.items()})
    module = sys.modules["bitprior_runtime.bench.measure"]
    states = iter([BoardState("ondemand", 1500.0, 60.0, bits, None) for bits in (0, 0x20002)])
    monkeypatch.setattr(module, "find_rails", lambda: find_rails(tmp_path))
    monkeypatch.setattr(module, "read_state", lambda: next(states))
    monkeypatch.setattr(module, "RECOVERY_SECONDS", 0.1)
    row = measure(load(bundle_path), "float", "numpy", 1, 1)
    assert row.energy["rails"]["VDD_IN"]["watts"] == pytest.approx(6.0)
    # All runs and the warm-up lie within the time the meter watched.
    assert row.energy["rails"]["VDD_IN"]["joules_per_run"] >= 6.0 * 0.9 * row.recovery_ms_p10 / 1e3
    assert row.energy["source"] == f"INA3221, {tmp_path / sensors}"
    assert row.invalid == "clock capped"
    assert row.recoveries >= 30
    assert (row.before["temperature_c"], row.after["throttled"]) == (60.0, 0x20002)
    json.dumps(row.as_json())
