"""Downloads over HTTP from the loopback interface: pinned, resumed, or refused in one line."""

import errno
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from bitprior_runtime.errors import MissingExtraError, MissingFileError, UnwritableOutputError
from bitprior_train.data import download
from bitprior_train.data.catalogue import SOURCES, RemoteFile
from bitprior_train.data.download import ATTEMPTS, fetch
from builders.file_server import FileServer, serving
from builders.official_files import remote

CONTENTS = np.random.default_rng(0).bytes(300_000)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving({"images.gz": CONTENTS}) as running:
        yield running


@pytest.fixture
def wanted(server: FileServer) -> RemoteFile:
    return remote(server.url + "images.gz", CONTENTS)


def get(wanted: RemoteFile, folder: Path) -> Path:
    return fetch(wanted, folder, lambda done, total: None)


def one_line(error: BaseException) -> str:
    text = str(error)
    assert "\n" not in text
    return text


def test_a_file_arrives_whole_with_its_progress(wanted: RemoteFile, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    path = fetch(wanted, tmp_path, lambda done, total: told.append((done, total)))
    assert path == tmp_path / "images.gz"
    assert path.read_bytes() == CONTENTS
    assert os.listdir(tmp_path) == ["images.gz"]
    assert told[-1] == (len(CONTENTS), len(CONTENTS))
    assert told == sorted(told)
    assert len(told) > 2


def test_a_file_that_is_there_is_not_asked_for_again(
    server: FileServer, wanted: RemoteFile, tmp_path: Path
) -> None:
    get(wanted, tmp_path)
    get(wanted, tmp_path)
    assert len(server.asked) == 1


def test_a_wrong_hash_is_refused_and_nothing_is_left(
    server: FileServer, wanted: RemoteFile, tmp_path: Path
) -> None:
    server.files["images.gz"] = CONTENTS[:-1] + bytes([CONTENTS[-1] ^ 1])
    with pytest.raises(MissingFileError, match=rf"SHA-256 {wanted.sha256}.*another hash") as caught:
        get(wanted, tmp_path)
    one_line(caught.value)
    assert not os.listdir(tmp_path)


def test_a_broken_connection_goes_on_where_it_stopped(
    server: FileServer, wanted: RemoteFile, tmp_path: Path
) -> None:
    server.breaks = [100_000, 0, 70_000]
    assert get(wanted, tmp_path).read_bytes() == CONTENTS
    starts = [int(asked.removeprefix("bytes=").rstrip("-")) for _, asked in server.asked]
    assert starts == sorted(starts)
    assert starts[0] == 0 < starts[1] == starts[2] < starts[3]


def test_a_server_without_ranges_starts_over(
    server: FileServer, wanted: RemoteFile, tmp_path: Path
) -> None:
    server.ranges = False
    server.breaks = [200_000]
    assert get(wanted, tmp_path).read_bytes() == CONTENTS
    assert len(server.asked) == 2


def test_a_connection_that_keeps_breaking_is_given_up_and_resumed_by_the_next_call(
    server: FileServer, wanted: RemoteFile, tmp_path: Path
) -> None:
    server.breaks = [140_000] + [0] * ATTEMPTS
    with pytest.raises(
        MissingFileError, match=r"300000 bytes of http.*bytes so far.*kept"
    ) as caught:
        get(wanted, tmp_path)
    one_line(caught.value)
    assert len(server.asked) == 1 + ATTEMPTS
    (part,) = tmp_path.iterdir()
    have = part.stat().st_size
    assert 0 < have <= 140_000
    assert get(wanted, tmp_path).read_bytes() == CONTENTS
    assert server.asked[-1] == ("images.gz", f"bytes={have}-")
    assert os.listdir(tmp_path) == ["images.gz"]


def test_the_beginning_of_another_version_is_not_continued(
    server: FileServer, wanted: RemoteFile, tmp_path: Path
) -> None:
    other = replace(wanted, sha256="0" * 64)
    server.breaks = [140_000] + [0] * ATTEMPTS
    with pytest.raises(MissingFileError):
        get(other, tmp_path)
    get(wanted, tmp_path)
    assert server.asked[-1] == ("images.gz", "bytes=0-")


def test_a_server_in_trouble_is_asked_again(
    server: FileServer, wanted: RemoteFile, tmp_path: Path
) -> None:
    server.statuses = [503, 500]
    assert get(wanted, tmp_path).read_bytes() == CONTENTS


@pytest.mark.parametrize("status", [403, 404])
def test_a_file_that_is_gone_is_asked_for_once(
    server: FileServer, wanted: RemoteFile, tmp_path: Path, status: int
) -> None:
    server.statuses = [status]
    with pytest.raises(MissingFileError, match=f"HTTP status {status}"):
        get(wanted, tmp_path)
    assert len(server.asked) == 1


def test_more_bytes_than_pinned_are_refused_and_nothing_is_left(
    server: FileServer, wanted: RemoteFile, tmp_path: Path
) -> None:
    server.files["images.gz"] = CONTENTS + b"more"
    with pytest.raises(MissingFileError, match="more than that"):
        get(wanted, tmp_path)
    assert not os.listdir(tmp_path)


def test_a_shorter_file_is_given_up_and_nothing_is_left(
    server: FileServer, wanted: RemoteFile, tmp_path: Path
) -> None:
    server.files["images.gz"] = CONTENTS[:1000]
    part = tmp_path / f"images.gz.{wanted.sha256[:8]}.part"
    part.write_bytes(CONTENTS[:5000])
    with pytest.raises(MissingFileError, match="HTTP status 416"):
        get(wanted, tmp_path)
    assert not os.listdir(tmp_path)


def test_nobody_there_is_one_line_that_says_so(tmp_path: Path) -> None:
    with serving({}) as closed:
        pass
    with pytest.raises(MissingFileError, match=r"refused, 0 bytes so far") as caught:
        get(remote(closed.url + "images.gz", CONTENTS), tmp_path)
    one_line(caught.value)
    assert not os.listdir(tmp_path)


def test_a_disk_with_too_little_room_is_refused_before_anything_is_asked(
    server: FileServer, wanted: RemoteFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = SimpleNamespace(free=len(CONTENTS) - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(UnwritableOutputError, match=r"299999 bytes free.*BITPRIOR_CACHE"):
        get(wanted, tmp_path)
    assert not server.asked
    assert not os.listdir(tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_disk_that_fills_up_is_refused_and_nothing_is_left(
    server: FileServer, wanted: RemoteFile, tmp_path: Path
) -> None:
    # The kernel's own ENOSPC: whatever is written to this device does not fit.
    (tmp_path / f"images.gz.{wanted.sha256[:8]}.part").symlink_to("/dev/full")
    with pytest.raises(UnwritableOutputError, match=r"No space left.*BITPRIOR_CACHE") as caught:
        get(wanted, tmp_path)
    one_line(caught.value)
    assert not os.listdir(tmp_path)


def test_a_disk_that_fills_up_at_the_last_move_is_refused(
    wanted: RemoteFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: str, target: str) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "move", full)
    with pytest.raises(UnwritableOutputError, match="No space left"):
        get(wanted, tmp_path)
    assert not os.listdir(tmp_path)


def test_a_missing_pooch_is_named_with_the_extra(
    wanted: RemoteFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pooch", None)
    with pytest.raises(MissingExtraError, match=r"bitprior\[train\]"):
        get(wanted, tmp_path)


def test_pauses_grow(
    server: FileServer, wanted: RemoteFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(download, "PAUSE", 1.0)
    monkeypatch.setattr(download.time, "sleep", slept.append)
    server.statuses = [500] * ATTEMPTS
    with pytest.raises(MissingFileError):
        get(wanted, tmp_path)
    assert slept == [1.0, 2.0]


def test_pinned_files_have_whole_hashes_and_names_of_their_own() -> None:
    files = [file for source in SOURCES.values() for file in source.files]
    assert len({file.name for file in files}) == len(files)
    for file in files:
        assert len(file.sha256) == 64
        assert set(file.sha256) <= set("0123456789abcdef")
        assert file.size > 10**6
