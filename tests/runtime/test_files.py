"""Files are whole or not there."""

import os
import stat

import pytest

from bitprior_runtime import files
from bitprior_runtime.errors import MissingFileError, UnwritableOutputError


def test_a_write_replaces_the_file_whole(tmp_path):
    target = tmp_path / "f"
    target.write_bytes(b"old")
    files.write_atomically(target, b"new")
    assert target.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["f"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o644


@pytest.mark.parametrize("step", ["fsync", "replace", "fchmod"])
def test_a_write_that_fails_keeps_the_old_file_and_leaves_nothing(tmp_path, monkeypatch, step):
    target = tmp_path / "f"
    target.write_bytes(b"old")

    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, step, fail)
    with pytest.raises(UnwritableOutputError, match="No space left"):
        files.write_atomically(target, b"new")
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["f"]


def test_the_order_is_write_sync_rename_sync_folder(tmp_path, monkeypatch):
    calls = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(
            files.os, name, lambda *a, real=real, name=name: (calls.append(name), real(*a))[1]
        )
    files.write_atomically(tmp_path / "f", b"x")
    assert calls == ["fsync", "replace", "fsync"]


def test_an_output_in_a_missing_folder_is_refused_before_work(tmp_path):
    with pytest.raises(UnwritableOutputError, match="mkdir -p"):
        files.check_writable(tmp_path / "none" / "f")


def test_a_folder_as_output_is_refused(tmp_path):
    with pytest.raises(UnwritableOutputError, match="not the folder"):
        files.check_writable(tmp_path)


def test_a_read_only_folder_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files.os, "access", lambda *a: False)
    with pytest.raises(UnwritableOutputError, match="no permission"):
        files.check_writable(tmp_path / "f")


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(MissingFileError, match="No such file"):
        files.read_bytes(tmp_path / "none", 10)


def test_a_file_over_the_limit_is_not_read(tmp_path):
    (tmp_path / "f").write_bytes(b"12345")
    with pytest.raises(MissingFileError, match="at most 4 bytes"):
        files.read_bytes(tmp_path / "f", 4)
    assert files.read_bytes(tmp_path / "f", 5) == b"12345"


def test_a_second_writer_is_told_that_there_is_one_and_a_later_one_is_not(tmp_path):
    out, folder = tmp_path / "m.bitprior", tmp_path / "m-onnx"
    with files.sole_writer(out, folder):
        for second in ((out,), (folder,), (tmp_path / "other", out)):
            with (
                pytest.raises(UnwritableOutputError, match="another process writes it"),
                files.sole_writer(*second),
            ):
                pass
        with files.sole_writer(tmp_path / "other"):
            pass
    with files.sole_writer(out, folder):
        pass
    assert os.listdir(tmp_path) == []


def test_what_a_killed_writer_left_is_removed_by_the_next_and_nothing_else(tmp_path):
    out, folder = tmp_path / "m.bitprior", tmp_path / "m-onnx"
    left = [".m.bitprior.abcd1234", ".m.bitprior.unverified", "..m.bitprior.unverified.zz_90aaa"]
    kept = [
        "m.bitprior",
        ".m.bitprior",
        ".m.bitprior.backup",
        "m.bitprior.abcd1234",
        ".n.bitprior.abcd1234",
    ]
    for name in (*left, *kept):
        (tmp_path / name).write_bytes(b"x")
    for name in (".m-onnx.12345678", ".m-onnx.12345678.old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "recover.onnx").write_bytes(b"x")
    with files.sole_writer(out, folder):
        pass
    assert sorted(os.listdir(tmp_path)) == sorted(kept)


def test_the_lock_of_a_killed_writer_is_open(tmp_path):
    out = tmp_path / "m.bitprior"
    child = os.fork()
    if child == 0:
        held = files.sole_writer(out)
        held.__enter__()
        os.kill(os.getpid(), 9)
    os.waitpid(child, 0)
    assert os.listdir(tmp_path) == [".m.bitprior.lock"]
    with files.sole_writer(out):
        pass
    assert os.listdir(tmp_path) == []
