"""One change at a time: an flock that dies with the process that holds it."""

from __future__ import annotations

import fcntl
import json
import os
import time
from contextlib import contextmanager
from typing import Iterator  # noqa: UP035

from bitprior_devices.remote.layout import Layout
from bitprior_devices.remote.refusal import RefusalError


@contextmanager
def locked(layout: Layout, who: str) -> Iterator[None]:
    """Hold the lock of a root.

    Args:
        layout: The root.
        who: Said to whoever wants it meanwhile.

    Raises:
        RefusalError: Someone else holds it; the message says who.
    """
    descriptor = os.open(str(layout.lock), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RefusalError(
                "no other deploy on this board", _holder(descriptor), "wait for it, then try again"
            ) from None
        since = time.strftime("%Y-%m-%d %H:%M:%S %Z")
        line = json.dumps({"who": who, "process": os.getpid(), "since": since}).encode()
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, line, 0)
        yield
    finally:
        os.close(descriptor)


def _holder(descriptor: int) -> str:
    try:
        holder = json.loads(os.pread(descriptor, 4096, 0))
        return f"one by {holder['who']} (process {holder['process']}) since {holder['since']}"
    except (ValueError, KeyError):
        return "one that has just begun"
