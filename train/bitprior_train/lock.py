"""One process at a time per run, one run per folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bitprior_runtime.errors import UsageError


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold a run's folder for this process; the system lets go of it however the process ends.

    Raises:
        UsageError: Another process holds it.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise UsageError(
            f"a run that nobody is training at {folder}",
            "another process training it",
            "wait for it, or stop it first",
        ) from error
    finally:
        os.close(descriptor)


def refuse_a_run(folder: Path) -> None:
    """Refuse a folder that already holds a run.

    Raises:
        UsageError: It does.
    """
    if (folder / "config.toml").exists():
        raise UsageError(
            f"a folder without a run at {folder}",
            "a run",
            "add --resume to continue it, or choose another folder",
        )
