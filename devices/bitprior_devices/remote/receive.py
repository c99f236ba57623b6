"""Files that come over the connection: resumed where they were cut, checked by their hash."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bitprior_devices.remote.refusal import RefusalError
from bitprior_devices.remote.wire import Wire, sha256_of

# Names we send: a file, or a file in one folder. Nothing else can be written.
_PATH = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._+!-]{0,199}/)?[A-Za-z0-9][A-Za-z0-9._+!-]{0,199}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
SLACK = 2**20


@dataclass(frozen=True)
class SentFile:
    """One file the other end has.

    Attributes:
        path: Relative path with forward slashes.
        size: Bytes.
        sha256: Hash of its contents, hex.
    """

    path: str
    size: int
    sha256: str

    def as_json(self) -> dict[str, Any]:
        """Return it, ready for JSON."""
        return {"path": self.path, "size": self.size, "sha256": self.sha256}


def parse_file(fields: dict[str, Any]) -> SentFile:
    """Read a description of a file and refuse what we would never send.

    Raises:
        RefusalError: A path that leaves its folder, a negative size, not a SHA-256.
    """
    path, size, digest = fields["path"], fields["size"], fields["sha256"]
    good = (
        isinstance(path, str)
        and _PATH.fullmatch(path) is not None
        and type(size) is int
        and size > 0
        and isinstance(digest, str)
        and _DIGEST.fullmatch(digest) is not None
    )
    if not good:
        found = f"{path!r}, {size!r}, {digest!r}"
        raise RefusalError("a plain path, a size and a SHA-256", found, "use one version of both")
    return SentFile(path, size, digest)


def receive_files(wire: Wire, folder: Path, files: list[SentFile], extra: int = 0) -> int:
    """Ask for what is missing of ``files`` in ``folder`` and write it there.

    Args:
        wire: The other end; it is told what is here and sends the rest.
        folder: Where they go; parts from an earlier attempt may lie there.
        files: What has to be there in the end.
        extra: Bytes that will be needed besides.

    Returns:
        How many bytes came.

    Raises:
        RefusalError: No room, or a file that is not what was announced.
        OSError: The file system failed; parts are removed if it is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    have = {file.path: _begun(folder, file) for file in files}
    missing = sum(file.size - have[file.path] for file in files)
    _check_space(folder, missing + extra)
    prefixes = {
        file.path: sha256_of(_part(folder, file), have[file.path])
        for file in files
        if have[file.path] > 0 and not _whole(folder, file)
    }
    wire.send({"have": have, "prefixes": prefixes})
    came = 0
    try:
        for file in files:
            if not _whole(folder, file):
                came += _receive(wire, folder, file)
    except OSError:
        for file in files:
            _part(folder, file).unlink(missing_ok=True)
        raise
    return came


def _begun(folder: Path, file: SentFile) -> int:
    """Return how many bytes of a file are here."""
    if _whole(folder, file):
        return file.size
    part = _part(folder, file)
    return min(part.stat().st_size, file.size) if part.is_file() else 0


def _whole(folder: Path, file: SentFile) -> bool:
    # Files get their name after their hash was right; the release is hashed again at the end.
    path = folder / file.path
    return path.is_file() and path.stat().st_size == file.size


def _part(folder: Path, file: SentFile) -> Path:
    path = folder / file.path
    return path.with_name(path.name + ".part")


def _check_space(folder: Path, wanted: int) -> None:
    stat = os.statvfs(str(folder))
    free = stat.f_bavail * stat.f_frsize
    if free < wanted + SLACK:
        raise RefusalError(
            f"{(wanted + SLACK) / 1e6:.1f} MB of free space on the board",
            f"{free / 1e6:.1f} MB",
            "free space there, or choose another --root",
        )


def _receive(wire: Wire, folder: Path, file: SentFile) -> int:
    offset = int(wire.receive()["offset"])
    part = _part(folder, file)
    part.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with part.open("r+b" if offset else "wb") as out:
        for _ in range(0, offset, 65536):
            digest.update(out.read(min(65536, offset - out.tell())))
        out.truncate(offset)
        for block in wire.receive_bytes(file.size - offset):
            out.write(block)
            digest.update(block)
        out.flush()
        os.fsync(out.fileno())
    if digest.hexdigest() != file.sha256:
        part.unlink()
        raise RefusalError(
            f"{file.path} with SHA-256 {file.sha256}", digest.hexdigest(), "deploy again"
        )
    os.replace(str(part), str(folder / file.path))
    return file.size - offset
