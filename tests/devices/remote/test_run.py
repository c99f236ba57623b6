"""Verbs on a board, with inputs and outputs, in this process."""

import json
import sys

import numpy as np
import pytest

from bitprior_devices import remote_work
from bitprior_devices.deploying import deploy, pack
from bitprior_devices.errors import DeviceRefusedError
from bitprior_devices.remote import run as run_remote
from bitprior_devices.remote.child import Ended, run_child
from bitprior_devices.remote.wire import ConnectionLostError
from bitprior_devices.ssh import Destination
from bitprior_runtime import load
from bitprior_runtime.cli import elsewhere
from bitprior_runtime.cli.elsewhere import BoardJob, run_on_board
from bitprior_runtime.cli.main import run
from bitprior_runtime.errors import BitpriorError, MissingExtraError

pytestmark = pytest.mark.usefixtures("here")
module = sys.modules["bitprior_devices.remote.run"]


@pytest.fixture
def job(layout, bundle_path):
    """A job on a board the bundle was deployed to."""
    board = Destination("here")
    deploy(pack(bundle_path, []), board, lambda step: None, root=str(layout.root))
    return BoardJob("info", bundle_path, [], "here", str(layout.root))


def ended(monkeypatch, status, out="", err=""):
    """Let every verb on the board end so."""
    monkeypatch.setattr(module, "run_child", lambda *_, **__: Ended(status, out, err))


def test_a_recovery_takes_the_measurements_there_and_brings_the_images(
    job, layout, tmp_path, capsys
):
    bundle = load(job.bundle).bundle
    for name, values in (("y", bundle.golden.measurements), ("z", bundle.golden.latents)):
        np.save(tmp_path / f"{name}.npy", values)
    flags = ["--latent", str(tmp_path / "z.npy"), "--on", "here", "--root", str(layout.root)]
    out = tmp_path / "x.png"
    arguments = [str(job.bundle), str(tmp_path / "y.npy"), "--out", str(out), *flags]
    assert run(["recover", *arguments, "--no-line-search"]) == 0
    assert capsys.readouterr().out.startswith("On here: Recovered 3 images")
    assert out.read_bytes().startswith(b"\x89PNG")
    assert not list(layout.work.iterdir())


def test_the_text_of_a_benchmark_there_says_what_does_not_count(job, layout, capsys, monkeypatch):
    state = dict.fromkeys(("governor", "clock_mhz", "temperature_c", "throttled", "slowed"))
    rail = {"VDD_IN": {"watts": 5.0, "joules_per_run": 0.25}}
    row = {
        **dict.fromkeys(("gradient_us", "gradient_us_p10", "gradient_us_p90", "peak_rss_mb"), 1.0),
        **dict.fromkeys(("recovery_ms", "recovery_ms_p10", "recovery_ms_p90"), 2.0),
        **dict.fromkeys(("batch", "threads", "gradients", "recoveries", "steps", "macs"), 1),
        "engine": "float", "kernel": "numpy", "weight_bytes": 1,
        "before": {**state, "throttled": 0}, "after": {**state, "throttled": 4},
        "invalid": "throttled", "energy": {"source": "INA3221, x", "samples": 3, "rails": rail},
    }  # fmt: skip
    skipped = {"engine": "onnx", "kernel": "o", "batch": 1, "threads": 1, "reason": "no files"}
    ended(monkeypatch, 0, json.dumps({"bundle": "x", "rows": [row], "skipped": [skipped]}))
    where = ["--on", "here", "--root", str(layout.root)]
    assert run(["bench", str(job.bundle), "--threads", "1", *where]) == 0
    out = capsys.readouterr().out
    assert "board: throttle bits 0x0 to 0x4" in out
    assert "INVALID float/numpy, batch 1, 1 threads: throttled; cool the board" in out
    assert "VDD_IN 0.25 J (5.00 W); INA3221, x" in out
    assert "onnx/o cannot run here: no files" in out


@pytest.mark.parametrize(
    ("status", "out", "found"),
    [(-4, "", "SIGILL"), (1, "text", "exit status 1"), (0, "", "no JSON"), (None, "", "too long")],
)
def test_a_verb_that_crashes_is_refused_with_how(job, monkeypatch, status, out, found):
    ended(monkeypatch, status, out)
    with pytest.raises(DeviceRefusedError, match=found):
        run_on_board(job)


def test_an_error_of_the_verb_keeps_its_exit_status(job, monkeypatch):
    error = {"expected": "a", "found": "b", "todo": "c", "exit_code": 3}
    ended(monkeypatch, 3, json.dumps({"error": error}))
    with pytest.raises(BitpriorError, match="expected a; found b; c") as caught:
        run_on_board(job)
    assert caught.value.exit_code == 3


def test_other_bytes_than_announced_are_refused(job, monkeypatch):
    ended(monkeypatch, 0, '{"images": 1}')
    sent = module._send

    def lie(wire, path):
        path.write_bytes(b"abc")
        monkeypatch.setattr(module, "sha256_of", lambda _: "0" * 64)
        return sent(wire, path)

    monkeypatch.setattr(module, "_send", lie)
    with pytest.raises(DeviceRefusedError, match="other bytes"):
        run_on_board(BoardJob("info", job.bundle, [], "here", job.root, output="x"))
    monkeypatch.setattr(remote_work, "MAX_OUTPUT", 2)
    with pytest.raises(DeviceRefusedError, match="at most 2 bytes"):
        run_on_board(BoardJob("info", job.bundle, [], "here", job.root, output="x"))


def test_only_verbs_of_the_runtime_run_on_the_bundle_that_is_deployed(job, two_bundles):
    assert run_remote.VERBS == ("recover", "bench", "verify", "info")
    with pytest.raises(DeviceRefusedError, match="a verb among"):
        run_on_board(BoardJob("deploy", job.bundle, [], "here", job.root))
    with pytest.raises(DeviceRefusedError, match=r"\(current\)"):
        run_on_board(BoardJob("info", two_bundles[0], [], "here", job.root))
    with pytest.raises(DeviceRefusedError, match="no deployed bundle"):
        run_on_board(BoardJob("info", job.bundle, [], "here", job.root + "/none"))


def test_without_the_devices_house_nothing_runs_elsewhere(job, monkeypatch):
    monkeypatch.setattr(elsewhere, "_RUNNERS", [])
    with pytest.raises(MissingExtraError, match="--on"):
        run_on_board(job)


def test_a_program_on_the_board_dies_with_the_connection(monkeypatch):
    monkeypatch.setattr("bitprior_devices.remote.child._alone", lambda: True)
    with pytest.raises(ConnectionLostError):
        run_child(["sleep", "30"], None)


def test_a_program_that_takes_too_long_is_ended():
    assert run_child(["sleep", "30"], None, seconds=0.1).reason == "it took too long"
    assert run_child(["false"], None).reason == "exit status 1"
