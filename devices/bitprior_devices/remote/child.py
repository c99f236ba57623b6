"""Run a program of the runtime in a process of its own: if it dies, that is a line of text."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from bitprior_devices.remote.wire import ConnectionLostError

# Seconds between two looks at whether the other end is still there.
PATIENCE = 0.2


@dataclass(frozen=True)
class Ended:
    """A process that ended.

    Attributes:
        status: Its exit status; minus the signal that killed it; None if it took too long.
        out: What it printed.
        err: What it printed on stderr.
    """

    status: int | None
    out: str
    err: str

    @property
    def reason(self) -> str:
        """Why it failed, in a line."""
        if self.status is None:
            return "it took too long"
        if self.status < 0:
            return f"killed by {signal.Signals(-self.status).name}"
        lines = [line for line in self.err.splitlines() if line.strip()]
        return f"exit status {self.status}" + (f": {lines[-1].strip()}" if lines else "")


def run_child(
    command: list[str],
    site: Path | None,
    seconds: float = 3600.0,
    folder: Path | None = None,
) -> Ended:
    """Run a command without a shell and wait for it; it dies with the connection.

    Args:
        command: Program and arguments.
        site: Folder of packages to import from, before the Python's own.
        seconds: Longest it may take.
        folder: Where it runs.

    Raises:
        ConnectionLostError: The other end went away meanwhile; the process was killed.
    """
    variables = dict(os.environ)
    if site is not None:
        variables["PYTHONPATH"] = str(site)
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=variables,
            cwd=None if folder is None else str(folder),
        )
    except OSError as error:
        return Ended(127, "", f"{command[0]}: {error.strerror}")
    deadline = time.monotonic() + seconds
    try:
        while True:
            try:
                out, err = process.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                if _alone():
                    raise ConnectionLostError("the other end went away") from None
                if time.monotonic() > deadline:
                    return Ended(None, "", "")
            else:
                return Ended(process.returncode, _text(out), _text(err))
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def _alone() -> bool:
    """Whether nobody holds the other end of our stdin any more."""
    poll = select.poll()
    poll.register(0, 0)
    return any(event & (select.POLLHUP | select.POLLERR) for _, event in poll.poll(0))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
