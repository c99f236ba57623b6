"""From this machine to a board and back over a real sshd, by the command line alone."""

import json

import numpy as np
import pytest

from bitprior_devices.remote.layout import Layout
from bitprior_devices.remote.release import linked
from bitprior_runtime import load
from bitprior_runtime.cli.main import run


@pytest.fixture
def on(board, tmp_path):
    """Flags of every verb about the board."""
    return [*board.flags, "--root", str(tmp_path / "root")]


def ask(capsys, *arguments):
    """Run a verb with --json; return its status and what it printed."""
    status = run([*map(str, arguments), "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_a_bundle_goes_to_a_board_works_there_and_back(on, tmp_path, two_bundles, capsys):
    layout = Layout(tmp_path / "root")
    first, second = two_bundles
    y, out = tmp_path / "y.npy", tmp_path / "x.npy"
    np.save(y, load(first).bundle.golden.measurements)
    status, deployed = ask(capsys, "deploy", first, "board", *on)
    assert (status, deployed["changed"], deployed["replay"]["cases"]) == (0, True, 3)

    flags = ["--seed", 3, "--restarts", 2, "--mirrored", "--kernel", "numpy", "--out", out]
    status, there = ask(capsys, "recover", first, y, *flags, "--on", "board", *on)
    assert (status, there["board"], there["out"], there["images"]) == (0, "board", str(out), 3)
    images = np.load(out)
    status, here = ask(capsys, "recover", first, y, *flags)
    assert there["loss"] == here["loss"]
    np.testing.assert_array_equal(images, np.load(out))
    assert not list(layout.work.iterdir())

    status, error = ask(capsys, "recover", second, y, "--out", out, "--on", "board", *on)
    assert (status, error["error"]["todo"]) == (5, "run: bitprior deploy")
    assert ask(capsys, "deploy", second, "board", *on)[1]["previous"] == deployed["release"]
    assert ask(capsys, "rollback", "board", *on)[1]["release"] == deployed["release"]
    assert linked(layout.current).name == deployed["release"]


def test_a_board_is_probed_and_benched_over_ssh(on, bundle_path, capsys):
    assert run(["deploy", str(bundle_path), "board", *on]) == 0
    flags = ["--engine", "float", "--kernel", "numpy", "--batch", 1, "--batch", 2]
    capsys.readouterr()
    status, figures = ask(capsys, "bench", bundle_path, *flags, "--on", "board", *on)
    assert status == 0
    assert [row["batch"] for row in figures["rows"]] == [1, 2]
    for row in figures["rows"]:
        assert row["recoveries"] >= 30
        assert row["recovery_ms_p10"] <= row["recovery_ms"] <= row["recovery_ms_p90"]
        assert set(row["before"]) == set(row["after"]) >= {"governor", "temperature_c", "throttled"}
        assert (row["invalid"], row["energy"]) == ("", None)
    status, report = ask(capsys, "probe", "board", "--bundle", bundle_path, *on)
    assert status == 0
    assert report["facts"]["deployed"]["current"]
    assert report["memory"]["fits"]
    assert report["engine"] in ("float/native", "float/numpy")


def test_a_verb_that_fails_there_fails_here_with_its_own_words(on, bundle_path, tmp_path, capsys):
    assert run(["deploy", str(bundle_path), "board", *on]) == 0
    np.save(tmp_path / "y.npy", np.zeros((1, 7), np.float32))
    capsys.readouterr()
    flags = ["--out", tmp_path / "x.png", "--on", "board", *on]
    status, error = ask(capsys, "recover", bundle_path, tmp_path / "y.npy", *flags)
    assert status == 2
    assert "with m = 3" in error["error"]["expected"]
    assert not (tmp_path / "x.png").exists()
