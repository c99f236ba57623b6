"""Measurements in files, with what is known of their operator."""

from pathlib import Path

import numpy as np
import pytest

from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing import Blocks
from bitprior_runtime.sensing.measured import Measured, read_measured, write_measured

ROWS = np.random.default_rng(0).standard_normal((5, 16)).astype(np.float32)
Y = np.ones((2, 20), np.float32)


@pytest.fixture
def text(tmp_path: Path) -> str:
    np.save(tmp_path / "rows.npy", ROWS)
    np.save(tmp_path / "others.npy", ROWS[::-1])
    return f"blocks:matrix={tmp_path}/rows.npy,size=4"


def known(text: str) -> Measured:
    return Measured(Y, (8, 8), text, Blocks(ROWS, 4, (8, 8)).digest, 0.1)


def test_an_archive_brings_back_all_that_is_known(tmp_path: Path, text: str) -> None:
    write_measured(tmp_path / "y.npz", known(text))
    found = read_measured(tmp_path / "y.npz")
    np.testing.assert_array_equal(found.y, Y)
    assert (found.frame, found.operator, found.noise) == ((8, 8), text, 0.1)
    assert found.matrix == known(text).matrix
    np.testing.assert_array_equal(found.made_by(None, None).matrix, ROWS)


def test_an_array_brings_back_the_values_alone(tmp_path: Path, text: str) -> None:
    write_measured(tmp_path / "y.npy", known(text))
    found = read_measured(tmp_path / "y.npy")
    np.testing.assert_array_equal(found.y, Y)
    assert (found.frame, found.operator, found.matrix, found.noise) == (None,) * 4
    assert found.made_by(text, (8, 8)).frame == (8, 8)
    with pytest.raises(UsageError, match="--operator"):
        found.made_by(None, (8, 8))
    with pytest.raises(UsageError, match="--frame"):
        found.made_by(text, None)


def test_another_matrix_or_frame_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="matrix that measured"):
        known(text).made_by(text.replace("rows", "others"), None)
    with pytest.raises(UsageError, match="frame 8x8"):
        known(text).made_by(text, (8, 9))


def test_another_ending_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match=r"\.npz or \.npy"):
        write_measured(tmp_path / "y.png", known(text))


BAD = {
    "frame": np.array([8.0, 8.0]),
    "noise": np.array(-1.0),
    "operator": np.array(3),
    "matrix": np.array("a" * 5000),
    "y": np.ones((2, 20), np.int32),
}


@pytest.mark.parametrize("key", BAD)
def test_archives_of_other_things_are_refused(tmp_path: Path, text: str, key: str) -> None:
    whole = {"y": Y, "frame": np.array([8, 8]), "noise": np.array(0.0),
             "operator": np.array(text), "matrix": np.array("")}  # fmt: skip
    np.savez(tmp_path / "y.npz", **whole)
    assert read_measured(tmp_path / "y.npz").frame == (8, 8)
    np.savez(tmp_path / "y.npz", **{**whole, key: BAD[key]})
    with pytest.raises(UsageError):
        read_measured(tmp_path / "y.npz")


def test_an_archive_of_measurements_alone_is_taken(tmp_path: Path) -> None:
    np.savez(tmp_path / "y.npz", y=Y)
    assert read_measured(tmp_path / "y.npz").frame is None
