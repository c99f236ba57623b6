"""Messages between the two ends: one JSON object a line, and raw bytes after those that say so.

A line of ours begins with the record separator of RFC 7464. Whatever else the board's shell prints
(a greeting, a warning) does not, and is left out.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import IO, Any, Iterator  # noqa: UP035

SEPARATOR = b"\x1e"
MAX_LINE = 16 * 2**20
BLOCK = 256 * 1024


class ConnectionLostError(Exception):
    """The other end went away in the middle of a conversation."""


class Wire:
    """One end of a conversation.

    Args:
        reader: Bytes from the other end.
        writer: Bytes to it.
    """

    def __init__(self, reader: IO[bytes], writer: IO[bytes]) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, message: dict[str, Any]) -> None:
        """Send a message."""
        self._write(SEPARATOR + json.dumps(message).encode("ascii") + b"\n")

    def receive(self) -> dict[str, Any]:
        """Return the next message.

        Raises:
            ConnectionLostError: There is none; the other end is gone.
        """
        while True:
            line = self.reader.readline(MAX_LINE)
            if not line.endswith(b"\n"):
                raise ConnectionLostError("the connection ended before its last message")
            if line.startswith(SEPARATOR):
                message: dict[str, Any] = json.loads(line[1:])
                return message

    def send_bytes(self, source: IO[bytes], count: int) -> None:
        """Send ``count`` bytes of an open file, from where it stands."""
        while count > 0:
            block = source.read(min(BLOCK, count))
            if not block:
                raise ConnectionLostError("a file became shorter while it was sent")
            self._write(block)
            count -= len(block)

    def receive_bytes(self, count: int) -> Iterator[bytes]:
        """Yield ``count`` bytes, block by block.

        Raises:
            ConnectionLostError: They end early.
        """
        while count > 0:
            # read1 gives what has come: a cut connection then costs no block that has arrived.
            block = self.reader.read1(min(BLOCK, count))  # type: ignore[attr-defined]
            if not block:
                raise ConnectionLostError(f"the connection ended {count} bytes too early")
            count -= len(block)
            yield block

    def _write(self, data: bytes) -> None:
        try:
            self.writer.write(data)
            self.writer.flush()
        except BrokenPipeError as error:
            raise ConnectionLostError("the other end closed the connection") from error


def sha256_of(path: Path, count: int | None = None) -> str:
    """Return the SHA-256 of a file, or of its first ``count`` bytes."""
    digest = hashlib.sha256()
    left = path.stat().st_size if count is None else count
    with path.open("rb") as file:
        while left > 0:
            block = file.read(min(BLOCK, left))
            if not block:
                break
            digest.update(block)
            left -= len(block)
    return digest.hexdigest()
