"""Frames from a source, however often it goes away and comes back."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from bitprior_devices.cameras.errors import CameraError
from bitprior_devices.cameras.figures import Figures
from bitprior_devices.cameras.source import Frame, FrameSource

Result = TypeVar("Result")


@dataclass(frozen=True)
class Patience:
    """How long to wait for a camera that is not there.

    Attributes:
        seconds: After this time without a frame its absence is an error.
        first: First wait between two tries, s; each is twice the one before.
        longest: Longest wait between two tries, s.
    """

    seconds: float = 60.0
    first: float = 0.5
    longest: float = 16.0


class Grabber:
    """Reads frames; opens a lost camera again, with exponential backoff.

    Args:
        opener: Opens the source.
        stop: Ends everything when set, also a wait.
        figures: Get the stage ``grab`` and the count of lost cameras.
        patience: With a camera that is not there.
        realtime: Play a recording at its own rate.
        again: Begin a recording again at its end.
        told: Called when the camera is lost and when it is back: a line, and whether it is there.
    """

    def __init__(
        self,
        opener: Callable[[], FrameSource],
        stop: threading.Event,
        figures: Figures,
        *,
        patience: Patience,
        realtime: bool = False,
        again: bool = False,
        told: Callable[[str, bool], None],
    ) -> None:
        self._opener = opener
        self._stop = stop
        self._figures = figures
        self._patience = patience
        self._realtime = realtime
        self._again = again
        self._told = told
        self._source: FrameSource | None = None
        self._index = 0
        self._due: float | None = None

    def open(self) -> FrameSource | None:
        """Open the source, with patience; None if told to stop meanwhile."""
        self._source = self._persist(self._opener)
        return self._source

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames until the end of a recording, or until told to stop."""
        try:
            while not self._stop.is_set():
                frame = self._persist(self._next)
                if frame is None:
                    return
                yield frame
        finally:
            self._close()

    def _next(self) -> Frame | None:
        source = self._source
        if source is None:
            source = self._source = self._opener()
        if self._realtime and source.rate and not source.live:
            self._keep_time(1 / source.rate)
        begin = time.perf_counter()
        pixels = source.read()
        if pixels is None and self._again:
            self._close()
            source = self._source = self._opener()
            pixels = source.read()
        if pixels is None:
            return None
        self._figures.add("grab", time.perf_counter() - begin)
        frame = Frame(self._index, time.monotonic(), pixels)
        self._index += 1
        return frame

    def _keep_time(self, interval: float) -> None:
        now = time.monotonic()
        if self._due is None or self._due < now - interval:
            self._due = now
        self._stop.wait(max(0.0, self._due - now))
        self._due += interval

    def _persist(self, attempt: Callable[[], Result]) -> Result | None:
        """Try again, with longer and longer waits; None if told to stop meanwhile."""
        begin, wait = time.monotonic(), self._patience.first
        lost = False
        while not self._stop.is_set():
            try:
                result = attempt()
            except CameraError as error:
                self._close()
                if time.monotonic() - begin + wait > self._patience.seconds:
                    raise
                if not lost:
                    self._figures.lost += 1
                    self._told(
                        f"Waiting for the camera: {error.expected}, found {error.found}", False
                    )
                lost = True
                self._stop.wait(wait)
                wait = min(2 * wait, self._patience.longest)
            else:
                if lost:
                    self._told(f"The camera is back after {time.monotonic() - begin:.1f} s", True)
                return result
        return None

    def _close(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            source.close()
