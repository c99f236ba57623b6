"""A camera that does what it is told: delivers frames, breaks, comes back."""

import numpy as np

from bitprior_devices.cameras import CameraError


class FakeSource:
    """Delivers frames whose pixels are their number.

    Args:
        frames: Frames before ``last``.
        last: What the next read does: an error to raise, or None for the end.
        live: Whether it is a camera.
        rate: Frames a second it announces.
    """

    name = "fake"

    def __init__(self, frames=3, last=None, live=True, rate=None):
        self.live, self.rate = live, rate
        self.closed = False
        self._frames = iter(range(frames))
        self._last = last

    def read(self):
        number = next(self._frames, None)
        if number is not None:
            return np.full((1, 4, 6, 3), number, np.uint8)
        if self._last is not None:
            raise self._last
        return None

    def close(self):
        self.closed = True


def gone():
    """Return the error of a camera that was unplugged."""
    return CameraError("frames from fake", "none any more", "plug it in again")
