"""A process that is forked while another thread is in C: the child gets engines that work.

Threads do not survive a fork. A lock that one of them held would stay shut for ever, and the
workspace behind it is in the middle of something.
"""

import os
import threading
import weakref
from collections.abc import Callable
from typing import Protocol


class Forkable(Protocol):
    """An engine with one workspace and one lock."""

    _lock: threading.Lock

    def _open(self) -> None:
        """Make a workspace; one that was there is forgotten, not freed."""


_engines: "weakref.WeakSet[Forkable]" = weakref.WeakSet()


def survive_forks(engine: Forkable) -> None:
    """Let an engine work in the children of this process, whatever it does when they are forked."""
    _engines.add(engine)


def _renew() -> None:
    for engine in list(_engines):
        if engine._lock.locked():
            engine._lock = threading.Lock()
            engine._open()


_register: Callable[..., None] | None = getattr(os, "register_at_fork", None)
if _register is not None:
    _register(after_in_child=_renew)
