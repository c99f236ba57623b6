"""Files: whole or not at all."""

import os
import tempfile
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
            if size > limit:
                raise MissingFileError(
                    f"a file of at most {limit} bytes at {source}",
                    f"{size} bytes",
                    "check the name",
                )
            # Of what is asked for, Python allocates all at once: not more than there is. A pipe
            # has no size.
            return file.read(size or limit)
    except OSError as error:
        raise MissingFileError(
            f"a readable file {source}", error.strerror or str(error), "check the name"
        ) from error
