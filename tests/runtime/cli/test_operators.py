"""``sense`` and ``recover`` with an operator that is apart from the bundle."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest

from bitprior_export.bundle import write_bundle
from bitprior_runtime.cli.main import run
from bitprior_runtime.images import encode_png
from bitprior_runtime.sensing import Blocks
from builders.photo import photo_bundle
from builders.searching import made_up_photos

Call: TypeAlias = Callable[..., tuple[int, str, str]]
ROWS = np.random.default_rng(2).standard_normal((20, 64)).astype(np.float32) / 8
PHOTO = made_up_photos(1, 21, 18)
OPERATOR = "blocks:matrix=rows.npz#phi,size=8"


@pytest.fixture
def call(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Call:
    """Run the command line in a folder with a prior, a photo and matrices."""
    monkeypatch.chdir(tmp_path)
    write_bundle("photo.bitprior", photo_bundle())
    np.savez("rows.npz", phi=ROWS, psi=ROWS[::-1])
    Path("photo.png").write_bytes(encode_png(PHOTO[0]))

    def invoke(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        status = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return status, captured.out, captured.err

    return invoke


def sense(call: Call, *options: object, out: str = "y.npz") -> tuple[int, str, str]:
    return call(
        "sense", "photo.bitprior", "photo.png", "--operator", OPERATOR, "--out", out, *options
    )


def recover(call: Call, *options: object, y: str = "y.npz") -> tuple[int, str, str]:
    return call("recover", "photo.bitprior", y, "--out", "x.npy", *options)


def test_a_photo_of_any_size_is_sensed_and_recovered(call: Call) -> None:
    status, out, err = sense(call)
    assert (status, err) == (0, "")
    assert out.startswith("Sensed 1 image of 21x18: 378 values to 180 measurements each")
    with np.load("y.npz", allow_pickle=False) as file:
        wanted = Blocks(ROWS, 8, (21, 18)).forward(np.rint(PHOTO * 255) / 255)
        np.testing.assert_allclose(file["y"], wanted, atol=1e-5)
        assert file["frame"].tolist() == [21, 18]
        assert str(file["operator"]) == OPERATOR
        assert len(str(file["matrix"])) == 64
    status, out, err = recover(call, "--operator", OPERATOR)
    assert (status, err) == (0, "")
    assert "(learned, 2 steps, float/" in out
    assert np.load("x.npy").shape == (1, 1, 21, 18)
    assert call("recover", "photo.bitprior", "y.npz", "--out", "x.png")[0] == 0
    assert Path("x.png").read_bytes()[16:24] == b"\0\0\0\x12\0\0\0\x15"


def test_measurements_alone_need_a_frame(call: Call) -> None:
    assert sense(call, out="y.npy")[0] == 0
    status, _, err = recover(call, "--operator", OPERATOR, y="y.npy")
    assert status == 2
    assert "--frame" in err
    assert recover(call, "--operator", OPERATOR, "--frame", "21x18", y="y.npy")[0] == 0
    assert np.load("x.npy").shape == (1, 1, 21, 18)


def test_noise_is_drawn_from_a_seed_and_told_to_the_search(call: Call) -> None:
    values = []
    for seed in (1, 1, 2):
        assert sense(call, "--noise", 0.1, "--seed", seed)[0] == 0
        with np.load("y.npz") as file:
            values.append(file["y"])
            assert float(file["noise"]) == pytest.approx(0.1)
    np.testing.assert_array_equal(values[0], values[1])
    assert not np.array_equal(values[0], values[2])
    images = []
    for options in ((), ("--noise", 0.1), ("--noise", 0.0)):
        assert recover(call, *options)[0] == 0
        images.append(np.load("x.npy"))
    np.testing.assert_array_equal(images[0], images[1])
    assert not np.array_equal(images[0], images[2])


def test_json_says_what_measured_and_what_was_found(call: Call) -> None:
    _, out, _ = sense(call, "--json")
    found = json.loads(out)
    assert (found["frame"], found["measurements"], found["operator"]) == ([21, 18], 180, OPERATOR)
    _, out, _ = recover(call, "--json", "--solver", "fista", "--steps", 3, "--engine", "integer")
    found = json.loads(out)
    assert (found["solver"], found["engine"], found["frame"]) == ("fista", "integer", [21, 18])
    assert found["noise"] == 0


BAD_RECOVERIES = {
    "another matrix": (("--operator", OPERATOR.replace("phi", "psi")), "matrix that measured"),
    "another frame": (("--frame", "20x18"), "frame 21x18"),
    "no such array": (("--operator", OPERATOR.replace("phi", "chi")), "phi, psi"),
    "an option it does not take": (("--restarts", "2"), "restarts"),
    "a board": (("--on", "pi@board"), "--on"),
    "noise that is none": (("--noise", "nan"), "noise from 0"),
}


@pytest.mark.parametrize("case", BAD_RECOVERIES)
def test_a_recovery_that_does_not_fit_is_refused_in_one_line(call: Call, case: str) -> None:
    options, named = BAD_RECOVERIES[case]
    assert sense(call)[0] == 0
    status, out, err = recover(call, *options)
    assert (status, out) == (2, "")
    assert named in err
    assert len(err.strip().splitlines()) == 1
    assert not Path("x.npy").exists()


BAD_SENSING = {
    "no operator": (("--noise", "0.1"), "name an operator"),
    "another ending": (("--operator", OPERATOR, "--out", "y.txt"), ".npz or .npy"),
    "a matrix of another frame": (
        ("--operator", "matrix:rows.npz#phi"), "[m,378]"),
    "negative noise": (("--operator", OPERATOR, "--noise", "-1"), "noise from 0"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_SENSING)
def test_sensing_that_does_not_fit_is_refused_in_one_line(call: Call, case: str) -> None:
    options, named = BAD_SENSING[case]
    status, _, err = call("sense", "photo.bitprior", "photo.png", "--out", "y.npz", *options)
    assert status == 2
    assert named in err
    assert len(err.strip().splitlines()) == 1


def test_without_an_operator_a_photo_prior_asks_for_one(call: Call) -> None:
    np.save("y.npy", np.zeros((1, 64), np.float32))
    status, _, err = recover(call, y="y.npy")
    assert status == 2
    assert "--operator" in err
    status, _, err = recover(call, "--frame", "21x18", y="y.npy")
    assert status == 2
    assert "name an operator" in err
