"""Official files become archives in the cache folder: once, whole, by one process."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bitprior_runtime.cli.main import run as bitprior
from bitprior_runtime.errors import MissingFileError, UnwritableOutputError
from bitprior_train.data import cache as caching
from bitprior_train.data import load_dataset
from bitprior_train.data.cache import cache_folder, cached_archive
from bitprior_train.data.catalogue import SOURCES
from builders.file_server import FileServer, serving
from builders.official_files import (
    Parts,
    cifar10_files,
    imagenette_files,
    mnist_files,
    remote,
    stl10_files,
    svhn_files,
    tar_file,
)

SETS: dict[str, Callable[[], tuple[dict[str, bytes], Parts]]] = {
    "mnist": mnist_files,
    "cifar10": cifar10_files,
    "svhn": svhn_files,
    "stl10": stl10_files,
}


@pytest.fixture(autouse=True)
def no_archives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BITPRIOR_DATA", raising=False)


@contextmanager
def official(name: str, files: dict[str, bytes]) -> Iterator[FileServer]:
    """Serve files as the official ones of a data set, under their official names."""
    before = SOURCES[name]
    with serving(files) as server:
        names = [file.name for file in before.files]
        assert sorted(names) == sorted(files)
        pinned = tuple(remote(server.url + file, files[file]) for file in names)
        SOURCES[name] = replace(before, files=pinned)
        try:
            yield server
        finally:
            SOURCES[name] = before


@pytest.mark.parametrize("name", SETS)
def test_official_files_become_the_same_archive(name: str, cache: Path) -> None:
    files, (train, test) = SETS[name]()
    with official(name, files) as server:
        data = load_dataset(name, 0, 2)
        assert sorted(asked for asked, _ in server.asked) == sorted(files)
    with np.load(cache / f"{name}.npz", allow_pickle=False) as stored:
        np.testing.assert_array_equal(stored["train_x"], train)
        np.testing.assert_array_equal(stored["test_x"], test)
    assert len(data.train) + len(data.validation) == len(train)
    assert data.name == name
    left = {path.name for path in cache.iterdir()}
    assert left == {f"{name}.npz", f".{name}.lock"}, "downloads are removed after conversion"


def test_imagenette_is_cropped_shrunk_and_shuffled(cache: Path) -> None:
    files, (train, test) = imagenette_files()
    with official("imagenette96", files):
        data = load_dataset("imagenette96", 0, 1)
    assert data.geometry == (3, 96, 96)
    with np.load(cache / "imagenette96.npz") as stored:
        for levels, images in ((train, stored["train_x"]), (test, stored["test_x"])):
            found = images.reshape(len(images), -1).astype(int)
            # the bars at the sides are gone but for what JPEG and LANCZOS smear of them
            middle = images[:, :, 10:-10].reshape(len(images), -1).astype(int)
            assert (np.ptp(middle, axis=1) <= 2).all()
            assert sorted(np.median(found, axis=1)) == pytest.approx(sorted(levels), abs=1)
    assert "not STL-10" in data.licence


def test_the_second_run_needs_no_network(cache: Path) -> None:
    files, _ = mnist_files()
    with official("mnist", files):
        first = load_dataset("mnist", 0, 5)
    again = load_dataset("mnist", 0, 5)
    assert first.split_hash == again.split_hash


def test_an_archive_of_ones_own_goes_first(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, (train, test) = mnist_files()
    np.savez(tmp_path / "mnist.npz", train_x=train[:10], test_x=test)
    monkeypatch.setenv("BITPRIOR_DATA", str(tmp_path))
    with official("mnist", files) as server:
        assert len(load_dataset("mnist", 0, 2).train) == 8
        assert not server.asked
    assert not cache.exists()


def test_a_folder_without_the_archive_falls_back_to_the_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BITPRIOR_DATA", str(tmp_path))
    files, (train, _) = mnist_files()
    with official("mnist", files):
        assert len(load_dataset("mnist", 0, 5).train) == len(train) - 5


def test_a_wrong_hash_leaves_nothing_in_the_cache(cache: Path) -> None:
    files, _ = mnist_files()
    with official("mnist", files) as server:
        server.files["train-images-idx3-ubyte.gz"] = bytes(len(files["train-images-idx3-ubyte.gz"]))
        with pytest.raises(MissingFileError, match=r"SHA-256.*; or set BITPRIOR_DATA"):
            load_dataset("mnist", 0, 5)
    assert {path.name for path in cache.iterdir()} == {".mnist.lock"}


def test_offline_without_archives_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert bitprior(["train", "mnist", "--out", str(tmp_path / "run")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "train-images-idx3-ubyte.gz" in line
    assert "refused" in line
    assert "set BITPRIOR_DATA to a folder that holds mnist.npz" in line


def test_an_archive_that_does_not_fit_on_the_disk_leaves_nothing(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    files, _ = mnist_files()
    with (
        official("mnist", files),
        pytest.raises(UnwritableOutputError, match=r"mnist\.npz.*No space left"),
    ):
        cached_archive("mnist")
    assert not (cache / "mnist.npz").exists()
    assert not [path for path in cache.iterdir() if path.name.startswith(".mnist.npz")]


def test_a_cache_that_is_a_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("BITPRIOR_CACHE", str(tmp_path / "file"))
    with pytest.raises(UnwritableOutputError):
        cached_archive("mnist")


LOADING = """
import json, sys
from bitprior_train.data.catalogue import SOURCES, RemoteFile, Source
from bitprior_train.data import load_dataset
files = tuple(RemoteFile(*file) for file in json.loads(sys.argv[1]))
SOURCES["mnist"] = Source(files, SOURCES["mnist"].read)
print(load_dataset("mnist", 0, 5).split_hash)
"""


def test_two_processes_at_once_download_once(cache: Path) -> None:
    files, _ = mnist_files(5000)  # 4 MB: long enough for the other to find the lock taken
    with official("mnist", files) as server:
        pinned = json.dumps([[f.url, f.size, f.sha256] for f in SOURCES["mnist"].files])
        both = [
            subprocess.Popen(
                [sys.executable, "-c", LOADING, pinned], stdout=subprocess.PIPE, text=True
            )
            for _ in range(2)
        ]
        hashes = [process.communicate()[0] for process in both]
        assert [process.returncode for process in both] == [0, 0]
        assert len(server.asked) == len(files)
    assert len(hashes[0].strip()) == 64
    assert hashes[0] == hashes[1]


def test_who_waits_is_told(
    cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    locked: list[int] = []

    def flock(file: object, operation: int) -> None:
        locked.append(operation)
        if operation & caching.fcntl.LOCK_NB:
            raise BlockingIOError

    monkeypatch.setattr(caching.fcntl, "flock", flock)
    files, _ = mnist_files()
    with official("mnist", files):
        cached_archive("mnist")
    assert "Waiting for another process" in capsys.readouterr().err
    assert locked[-1] == caching.fcntl.LOCK_EX


def test_the_cache_is_where_the_user_or_the_system_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cache_folder() == Path(os.environ["BITPRIOR_CACHE"])
    monkeypatch.delenv("BITPRIOR_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "bitprior"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "bitprior"


def test_a_hostile_archive_of_the_right_hash_writes_nothing(cache: Path) -> None:
    archive = tar_file({"../../escaped": b"x", "/tmp/escaped-from-bitprior": b"x"})
    with (
        official("cifar10", {"cifar-10-binary.tar.gz": archive}),
        pytest.raises(MissingFileError, match=r"data_batch_1\.bin.*none of that name"),
    ):
        load_dataset("cifar10", 0, 2)
    assert not list(cache.parent.parent.rglob("*escaped*"))
    assert not Path("/tmp/escaped-from-bitprior").exists()
    assert not (cache / "cifar10.npz").exists()


def test_a_data_set_without_a_download_names_its_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingFileError, match=r"celeba64\.npz.*not set.*BITPRIOR_DATA"):
        load_dataset("celeba64", 0, 2)
    monkeypatch.setenv("BITPRIOR_DATA", "/nowhere")
    with pytest.raises(MissingFileError, match="none in /nowhere"):
        load_dataset("celeba64", 0, 2)
