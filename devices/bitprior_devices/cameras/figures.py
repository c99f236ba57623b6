"""Frame rate, dropped frames and time per stage of what runs on and on."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

# Times a stage keeps: its figures are of the last frames, and memory is bounded.
KEPT = 512
# Seconds over which the current frame rate is counted.
WINDOW = 3.0


class Figures:
    """What a stream of frames costs; may be filled by several threads.

    Attributes:
        done: Frames that went through all stages.
        dropped: Frames that were replaced by a newer one before their turn.
        lost: How often the camera was lost.
    """

    def __init__(self) -> None:
        self.done = 0
        self.dropped = 0
        self.lost = 0
        self._lock = threading.Lock()
        self._stages: dict[str, deque[float]] = {}
        self._ends: deque[float] = deque(maxlen=KEPT)
        self._begin: float | None = None

    def add(self, stage: str, seconds: float) -> None:
        """Note how long a stage took, s."""
        with self._lock:
            if self._begin is None:
                self._begin = time.perf_counter() - seconds
            self._stages.setdefault(stage, deque(maxlen=KEPT)).append(seconds)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Note how long the block takes."""
        begin = time.perf_counter()
        yield
        self.add(stage, time.perf_counter() - begin)

    def finish(self) -> None:
        """Note that a frame is through."""
        with self._lock:
            self.done += 1
            self._ends.append(time.perf_counter())

    @property
    def rate(self) -> float:
        """Frames a second, over the last seconds."""
        with self._lock:
            now = time.perf_counter()
            recent = [end for end in self._ends if now - end <= WINDOW]
        return (len(recent) - 1) / (recent[-1] - recent[0]) if len(recent) > 1 else 0.0

    def medians(self) -> dict[str, float]:
        """Return the median of the last times of each stage, ms."""
        with self._lock:
            return {name: 1e3 * float(np.median(times)) for name, times in self._stages.items()}

    def line(self) -> str:
        """Return rate, drops and medians in one line."""
        stages = " | ".join(f"{name} {value:.1f} ms" for name, value in self.medians().items())
        return f"{self.rate:.1f} frames/s, {self.done} done, {self.dropped} dropped | {stages}"

    def as_json(self) -> dict[str, Any]:
        """Return everything, ready for JSON; times in ms."""
        with self._lock:
            stages = {
                name: {
                    "median": 1e3 * float(np.median(times)),
                    "p90": 1e3 * float(np.percentile(times, 90)),
                    "most": 1e3 * max(times),
                }
                for name, times in self._stages.items()
            }
            end = self._ends[-1] if self._ends else None
            seconds = end - self._begin if end is not None and self._begin is not None else 0.0
        return {
            "frames": self.done,
            "dropped": self.dropped,
            "camera_lost": self.lost,
            "seconds": seconds,
            "frames_per_second": self.done / seconds if seconds else 0.0,
            "stages_ms": stages,
        }
