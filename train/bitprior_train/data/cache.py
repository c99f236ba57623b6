"""Archives made from the official files, in a cache folder: downloaded and converted once."""

import fcntl
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from bitprior_runtime.cli.output import progress_bar
from bitprior_runtime.files import check_folder, write_atomically
from bitprior_train.data.catalogue import SOURCES
from bitprior_train.data.download import fetch

VARIABLE = "BITPRIOR_CACHE"


def cache_folder() -> Path:
    """Return ``$BITPRIOR_CACHE``, or bitprior's folder in the user's cache (``XDG_CACHE_HOME``)."""
    if own := os.environ.get(VARIABLE):
        return Path(own)
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "bitprior"


def cached_archive(name: str) -> Path:
    """Return the archive of a data set in the cache folder; make it first if it is not there.

    One process makes it; others wait for it.

    Args:
        name: One of ``SOURCES``.

    Raises:
        MissingFileError: A file cannot be downloaded, or is not the right one.
        UnwritableOutputError: The cache folder cannot be written to.
    """
    folder = cache_folder()
    path = folder / f"{name}.npz"
    if path.is_file():
        return path
    check_folder(folder).mkdir(parents=True, exist_ok=True)
    with _one_at_a_time(folder / f".{name}.lock", name):
        if not path.is_file():
            _make(name, path)
    return path


def _make(name: str, path: Path) -> None:
    """Download, convert, and remove the downloads."""
    source = SOURCES[name]
    downloads = []
    for remote in source.files:
        with progress_bar(f"Downloading {remote.name}") as progress:
            downloads.append(fetch(remote, path.parent, progress))
    train, test = source.read(downloads)
    archive = io.BytesIO()
    np.savez(archive, train_x=train, test_x=test)
    write_atomically(path, archive.getvalue())
    for download in downloads:
        download.unlink()


@contextmanager
def _one_at_a_time(lock: Path, name: str) -> Iterator[None]:
    """Hold a lock file; the system lets go of it however the process ends."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Waiting for another process that is downloading {name}", file=sys.stderr)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
