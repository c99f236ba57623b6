"""One process at a time per run."""

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
