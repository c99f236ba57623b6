"""Many acquisitions of one camera by one command: what is there, what fails, what goes on."""

import json

import numpy as np
import pytest

from bitprior_runtime.camera.camera_file import read_camera
from bitprior_runtime.cli.main import run
from bitprior_runtime.images.read import read_whole_images
from bitprior_train.photo.leaves import dead_leaves

TEXT = """operator = "hadamard:order=sequency,m=60"
frame = "16x16"

[detector]
pairs = "differenced"
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "camera.toml").write_text(TEXT)
    operator = read_camera(tmp_path / "camera.toml").build()
    drawn = dead_leaves(3, 64, 2)[:, None, ::4, ::4].astype(np.float32) / 255
    y = operator.forward(drawn)
    readings = tmp_path / "readings"
    readings.mkdir()
    for name, row in zip("abc", y, strict=True):
        np.save(readings / f"{name}.npy", row)
    np.save(tmp_path / "stack.npy", y)
    return tmp_path


def recover(folder, source, *words):
    camera = str(folder / "camera.toml")
    out = str(folder / "out")
    asked = ["recover", "photo-4bit", str(folder / source), "--camera", camera, "--out", out]
    return run([*asked, "--method", "tikhonov", *words])


def test_a_folder_becomes_a_folder_of_pictures_and_is_not_recovered_twice(folder, capsys):
    assert recover(folder, "readings", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["recovered"], found["there"], found["failed"]) == (3, 0, 0)
    assert all(row["explained"] > 0.3 for row in found["rows"])
    assert read_whole_images(folder / "out/a.png", 1).shape[-2:] == (16, 16)
    (folder / "out/b.png").unlink()
    before = (folder / "out/a.png").stat().st_mtime_ns
    assert recover(folder, "readings", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["status"] for row in found["rows"]] == ["there", "recovered", "there"]
    assert (folder / "out/a.png").stat().st_mtime_ns == before


def test_a_bad_file_does_not_stop_the_others_and_is_status_1(folder, capsys):
    (folder / "readings/aa.npy").write_bytes(b"no array")
    np.save(folder / "readings/bb.npy", np.ones(7))
    assert recover(folder, "readings") == 1
    told = capsys.readouterr().out
    assert "aa.npy: FAILED" in told
    assert sorted(path.name for path in (folder / "out").iterdir())[0] == "a.png"
    assert {"a.png", "b.png", "c.png"} <= {path.name for path in (folder / "out").iterdir()}
    assert not (folder / "out/aa.png").exists()
    assert "failed" in told.splitlines()[-1]


def test_rows_of_a_stack_by_two_processes_are_those_of_one(folder, capsys):
    assert recover(folder, "stack.npy", "--jobs", "2") == 0
    names = [f"stack-{row:04d}.png" for row in range(3)]
    two = [(folder / "out" / name).read_bytes() for name in names]
    for name in names:
        (folder / "out" / name).unlink()
    assert recover(folder, "stack.npy", "--jobs", "1") == 0
    assert [(folder / "out" / name).read_bytes() for name in names] == two
    assert "3 recovered, 0 there already, 0 failed" in capsys.readouterr().out


def test_what_is_for_one_picture_is_refused_with_many(folder, capsys):
    assert recover(folder, "readings", "--compare") == 2
    assert "--compare with many" in capsys.readouterr().err
    (folder / "out").write_text("a file")
    assert recover(folder, "readings") == 2
    assert "name a folder" in capsys.readouterr().err


def test_a_folder_without_readings_is_told(folder, capsys):
    (folder / "empty").mkdir()
    assert recover(folder, "empty") == 2
    assert "check the folder" in capsys.readouterr().err
    assert recover(folder, "nowhere", "--jobs", "1") == 2
