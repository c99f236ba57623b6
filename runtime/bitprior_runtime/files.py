"""Files: whole or not at all."""

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bitprior_runtime.errors import MissingFileError, UnwritableOutputError


def check_writable(path: str | os.PathLike[str]) -> Path:
    """Check before any work that ``path`` can be written; nothing is created.

    Raises:
        UnwritableOutputError: Its folder is missing or read-only, or it is a folder itself.
    """
    target = Path(path)
    folder = target.parent
    if target.is_dir():
        raise UnwritableOutputError(
            f"a file name to write to, not the folder {target}",
            "a folder",
            f"name a file inside it, e.g. {target / 'out'}",
        )
    if not folder.is_dir():
        raise UnwritableOutputError(
            f"an existing folder {folder}", "no such folder", f"run: mkdir -p {folder}"
        )
    if not os.access(folder, os.W_OK):
        raise UnwritableOutputError(
            f"a writable folder {folder}", "no permission", "choose another folder"
        )
    return target


def check_folder(path: str | os.PathLike[str]) -> Path:
    """Check before any work that ``path`` is, or can become, a writable folder.

    Raises:
        UnwritableOutputError: It is a file, or its nearest existing parent is read-only.
    """
    target = Path(path)
    nearest = next(part for part in (target, *target.absolute().parents) if part.exists())
    if not nearest.is_dir():
        raise UnwritableOutputError(f"a folder {target}", f"the file {nearest}", "choose another")
    if not os.access(nearest, os.W_OK):
        raise UnwritableOutputError(
            f"a writable folder {nearest}", "no permission", "choose another folder"
        )
    return target


def write_atomically(path: str | os.PathLike[str], data: bytes, durable: bool = True) -> None:
    """Write ``data`` so that ``path`` holds all of it or what was there before.

    Temporary file in the same folder, fsync, rename, fsync of the folder: a power cut at any
    point leaves the old or the new file, never a part.

    Args:
        path: The file.
        data: Its new contents.
        durable: Wait until it is on the disk; without, another process still sees the old or the
            new file, but a power cut may lose it. For what is out of date in a moment.

    Raises:
        UnwritableOutputError: The folder is missing, read-only or full.
    """
    target = check_writable(path)
    temporary = None
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, target)
        temporary = None
        if durable:
            _sync_folder(target.parent)
    except OSError as error:
        raise UnwritableOutputError(
            f"to write {len(data)} bytes to {target}",
            error.strerror or str(error),
            "free space or choose another folder",
        ) from error
    finally:
        if temporary is not None:
            os.unlink(temporary)


@contextmanager
def sole_writer(*targets: Path) -> Iterator[None]:
    """Be the only one who writes these files or folders; what a killed one left is removed.

    For outputs that belong together and are written one after the other.

    Raises:
        UnwritableOutputError: Another process writes one of them just now.
    """
    with ExitStack() as held:
        for target in targets:
            held.enter_context(_locked(target))
        for target in targets:
            _remove_leftovers(target)
        yield


@contextmanager
def _locked(target: Path) -> Iterator[None]:
    # The system drops the lock of a process that is killed; its file stays, and is used again.
    path = target.with_name(f".{target.name}.lock")
    descriptor = _lock(path, target)
    try:
        yield
    finally:
        os.unlink(path)
        os.close(descriptor)


def _lock(path: Path, target: Path) -> int:
    """Return the descriptor of a lock's file, held."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise UnwritableOutputError(
                f"to be the only one who writes {target}",
                "another process writes it",
                "wait for it, or choose another name",
            ) from error
        if _is_still(descriptor, path):
            return descriptor
        os.close(descriptor)  # its last holder has just removed it


def _is_still(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def _remove_leftovers(target: Path) -> None:
    """Remove what writers of ``target`` keep beside it while they work, and only that."""
    random = "[a-z0-9_]{8}"
    name = re.escape(target.name)
    one = rf"\.{name}\.(unverified|{random}(\.old)?)"
    pattern = re.compile(rf"{one}|\.\.{name}\.unverified\.{random}")
    for entry in target.parent.iterdir():
        if pattern.fullmatch(entry.name):
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_bytes(path: str | os.PathLike[str], limit: int) -> bytes:
    """Read a whole file of at most ``limit`` bytes; the size is checked first.

    Raises:
        MissingFileError: No such file, a folder, no permission, or larger than ``limit``.
    """
    source = Path(path)
    try:
        with source.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            # Of what is asked for, Python allocates all at once: not more than there is. A pipe
            # has no size.
            data = file.read(size or limit) if size <= limit else b""
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        said = getattr(error, "strerror", None) or str(error)
        raise MissingFileError(f"a readable file {source}", said, "check the name") from error
    if size > limit:
        raise MissingFileError(
            f"a file of at most {limit} bytes at {source}", f"{size} bytes", "check the name"
        )
    return data
