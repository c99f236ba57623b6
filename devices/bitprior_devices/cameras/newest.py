"""The newest item wins: what a slow consumer does to a fast producer."""

import threading
from collections.abc import Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")

# Longer than a camera takes for a frame.
JOIN_SECONDS = 3.0


class Newest(Generic[Item]):
    """The newest item of an iterator that runs in a thread of its own.

    One item waits, no more: when the next comes before it was taken, it is dropped and counted.

    Args:
        items: Runs in the thread; what it raises is raised again by :meth:`take`.

    Attributes:
        dropped: Items that nobody took in time.
    """

    def __init__(self, items: Iterator[Item]) -> None:
        self.dropped = 0
        self._items = items
        self._changed = threading.Condition()
        self._waiting: list[Item] = []
        self._ended = False
        self._error: BaseException | None = None
        # A daemon: an iterator that waits for a device cannot be told to end.
        self._thread = threading.Thread(target=self._run, daemon=True, name="newest")
        self._thread.start()

    def take(self, timeout: float | None = None) -> Item | None:
        """Wait for an item and take it.

        Args:
            timeout: Longest wait, s; None: until there is one or the end.

        Returns:
            The item; None at the end or after the wait.
        """
        with self._changed:
            self._changed.wait_for(lambda: bool(self._waiting) or self._ended, timeout)
            if self._waiting:
                return self._waiting.pop()
            error, self._error = self._error, None
        if error is not None:
            raise error
        return None

    def __iter__(self) -> Iterator[Item]:
        """Yield the newest item until the end."""
        while (item := self.take()) is not None:
            yield item

    def join(self) -> None:
        """Wait for the thread to end, when its iterator has been told to; not for ever.

        A thread that is in a library's C++ when Python ends takes the whole process down with it.
        """
        self._thread.join(JOIN_SECONDS)

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            for item in self._items:
                self._put(item)
        except BaseException as raised:  # whoever takes items gets it
            error = raised
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def _put(self, item: Item) -> None:
        with self._changed:
            self.dropped += len(self._waiting)
            self._waiting = [item]
            self._changed.notify_all()
