"""Downloads with a pinned hash that go on where a broken one stopped."""

import logging
import os
import shutil
import time
from pathlib import Path
from typing import Any

from bitprior_runtime.errors import (
    BitpriorError,
    MissingExtraError,
    MissingFileError,
    UnwritableOutputError,
)
from bitprior_runtime.solvers import Progress
from bitprior_train.data.catalogue import RemoteFile

ATTEMPTS = 3  # in a row that bring no new byte
PAUSE = 1.0  # seconds before the second of them; twice as long before each that follows
TIMEOUT = (10, 30)  # seconds to connect, and between two pieces
_PIECE = 2**16
_LATER = "try again later; what has arrived is kept"
_SUSPICIOUS = "try again, and do not trust this network if it happens again"


def fetch(remote: RemoteFile, folder: Path, progress: Progress) -> Path:
    """Download a file into ``folder``, or find it there.

    Args:
        remote: The file; only its pinned size and SHA-256 are accepted.
        folder: Existing folder. A download that broke is kept there, and continued next time.
        progress: Told (bytes here, bytes in all).

    Raises:
        MissingFileError: It cannot be downloaded, or is not the pinned file; then nothing of it
            is left in ``folder``.
        UnwritableOutputError: The disk is full.
    """
    try:
        import pooch
    except ImportError as error:
        raise MissingExtraError("pooch", "train", "downloading data sets") from error
    pooch.get_logger().setLevel(logging.WARNING)
    downloader = _Resuming(remote, folder, progress)
    try:
        path = pooch.retrieve(
            remote.url, f"sha256:{remote.sha256}", remote.name, folder, downloader=downloader
        )
    except BitpriorError:
        raise
    except ValueError as error:  # what pooch says about a wrong hash
        raise MissingFileError(
            f"SHA-256 {remote.sha256} of {remote.url}", "another hash", _SUSPICIOUS
        ) from error
    except OSError as error:
        raise _no_room(remote, folder, error.strerror or str(error)) from error
    return Path(path)


class _Resuming:
    """Downloader for pooch: by HTTP ranges, in as many connections as it takes."""

    def __init__(self, remote: RemoteFile, folder: Path, progress: Progress) -> None:
        self._remote = remote
        self._folder = folder
        self._progress = progress
        # The hash in the name: never go on with the beginning of another version.
        self._part = folder / f"{remote.name}.{remote.sha256[:8]}.part"

    def __call__(self, url: str, output_file: str, _: Any) -> None:
        import requests

        free = shutil.disk_usage(self._folder).free
        if free < self._remote.size - self._have():
            raise _no_room(self._remote, self._folder, f"{free} bytes free")
        failures = 0
        while (have := self._have()) < self._remote.size:
            try:
                status = self._continue(url, have)
                reason = f"HTTP status {status}" if status >= 400 else "the connection ended early"
                if status == 416:  # the range is outside the file: more is here than there
                    self._part.unlink(missing_ok=True)
                if 400 <= status < 500:
                    failures = ATTEMPTS  # asking again would bring the same answer
            except requests.RequestException as error:
                reason = _reason(error)
            except OSError as error:
                self._part.unlink(missing_ok=True)  # or the disk stays full
                raise _no_room(self._remote, self._folder, error.strerror or "") from error
            failures = 0 if self._have() > have else failures + 1
            if failures >= ATTEMPTS:
                found = f"{reason}, {self._have()} bytes so far"
                raise MissingFileError(f"{self._remote.size} bytes of {url}", found, _LATER)
            if failures:
                time.sleep(PAUSE * 2 ** (failures - 1))
        os.replace(self._part, output_file)

    def _have(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0

    def _continue(self, url: str, have: int) -> int:
        """Ask for the bytes from ``have`` on, store those that come; return the HTTP status."""
        import requests

        # identity: the hash is of the file, not of what a server unpacks on the way
        headers = {"Range": f"bytes={have}-", "Accept-Encoding": "identity"}
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            if not response.ok:
                return response.status_code
            rest = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
            goes_on = response.status_code == 206 and rest
            total = have if goes_on else 0
            with self._part.open("ab" if goes_on else "wb") as file:
                for piece in response.iter_content(_PIECE):
                    total += len(piece)
                    if total > self._remote.size:
                        break
                    file.write(piece)
                    self._progress(total, self._remote.size)
        if total > self._remote.size:
            self._part.unlink()
            expected = f"{self._remote.size} bytes of {url}"
            raise MissingFileError(expected, "more than that", _SUSPICIOUS)
        return response.status_code


def _reason(error: Exception) -> str:
    """Return the innermost cause in one line, e.g. "Connection refused"."""
    while (cause := error.__cause__ or error.__context__) is not None and isinstance(
        cause, Exception
    ):
        error = cause
    return " ".join(f"{type(error).__name__}: {error}".split())


def _no_room(remote: RemoteFile, folder: Path, found: str) -> UnwritableOutputError:
    return UnwritableOutputError(
        f"to write the {remote.size} bytes of {remote.name} to {folder}",
        found,
        "free space, or set BITPRIOR_CACHE to a folder on another disk",
    )
