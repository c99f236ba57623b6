"""The newest snapshot and state, for as many readers as there are; nothing is queued."""

import json
import threading
from dataclasses import dataclass
from typing import Any, Protocol


class Pinned(Protocol):
    """What can be pinned on a board."""

    @property
    def encoded(self) -> bytes:
        """One line of JSON; worked out only if someone looks."""
        ...


@dataclass(frozen=True)
class Seen:
    """How far a reader is."""

    frame: int = 0
    state: int = 0


class Board:
    """Where the worker pins what it has, and every page looks.

    Attributes:
        closed: Set when nothing new will come.
    """

    def __init__(self, state: dict[str, Any]) -> None:
        self.closed = threading.Event()
        self._changed = threading.Condition()
        self._state = state
        self._snapshot: Pinned | None = None
        self._newest = Seen(frame=0, state=1)

    def publish(self, snapshot: Pinned) -> None:
        """Replace the snapshot."""
        with self._changed:
            self._snapshot = snapshot
            self._newest = Seen(self._newest.frame + 1, self._newest.state)
            self._changed.notify_all()

    def update(self, **state: Any) -> None:
        """Change fields of the state."""
        with self._changed:
            self._state = {**self._state, **state}
            self._newest = Seen(self._newest.frame, self._newest.state + 1)
            self._changed.notify_all()

    def close(self) -> None:
        """Let every reader go."""
        with self._changed:
            self.closed.set()
            self._changed.notify_all()

    def wait(self, seen: Seen, timeout: float) -> tuple[Seen, list[tuple[str, bytes]]]:
        """Wait for news.

        Args:
            seen: What the reader has.
            timeout: Longest wait, s.

        Returns:
            What it has now, and the events (name, JSON) that bring it there.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._newest != seen or self.closed.is_set(), timeout)
            events = []
            if self._newest.state != seen.state:
                events.append(("state", json.dumps(self._state).encode()))
            if self._newest.frame != seen.frame and self._snapshot is not None:
                # Under the lock: one of many readers encodes it, the others take what is there.
                events.append(("frame", self._snapshot.encoded))
            return self._newest, events
