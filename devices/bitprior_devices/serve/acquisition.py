"""The readings of one acquisition so far, and when it is time to recover from them."""

import math
import threading
import time

import numpy as np
from numpy.typing import NDArray

# Readings that a first picture is made of, at least.
LEAST = 32
# The next picture is made of so many times the readings of the last one.
GROWTH = 1.25
# Or when no reading has come for so many seconds.
IDLE_SECONDS = 2.0


class Acquisition:
    """Readings in the order of time, filled by one thread and used by another.

    Args:
        wanted: How many the camera has in all; those beyond are counted and not kept.

    Attributes:
        wanted: As given.
        beyond: How many came after them.
    """

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.beyond = 0
        self._values: list[float] = []
        self._changed = threading.Condition()
        self._last = time.monotonic()
        self._ended = False

    @property
    def count(self) -> int:
        """How many readings there are."""
        return len(self._values)

    @property
    def ended(self) -> bool:
        """Whether no more will come, or none is wanted."""
        return self._ended or self.count >= self.wanted

    def add(self, values: list[float]) -> None:
        """Add readings; NaN is a missing one."""
        with self._changed:
            room = self.wanted - len(self._values)
            self._values += values[:room]
            self.beyond += max(0, len(values) - room)
            if values:
                self._last = time.monotonic()
                self._changed.notify_all()

    def end(self) -> None:
        """Say that no more will come."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def values(self) -> NDArray[np.float64]:
        """Return a copy of all readings, [N]."""
        with self._changed:
            return np.array(self._values, np.float64)

    def due(self, used: int, timeout: float) -> bool:
        """Wait until a new picture is due, or for some time; return whether it is.

        Args:
            used: Of how many readings the last picture was made; 0: there is none.
            timeout: Longest wait, s.
        """
        with self._changed:
            return self._changed.wait_for(lambda: self._is_due(used), timeout)

    def _is_due(self, used: int) -> bool:
        count = self.count
        if count == used:
            return False
        if self.ended:
            return True
        idle = time.monotonic() - self._last >= IDLE_SECONDS
        return count >= LEAST and (idle or count >= math.ceil(GROWTH * used))
