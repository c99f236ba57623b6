"""The one interface to whatever delivers frames."""

from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[np.uint8]


class FrameSource(Protocol):
    """A camera, a video file or a folder of images, open and ready."""

    @property
    def name(self) -> str:
        """What it is, for people."""
        ...

    @property
    def live(self) -> bool:
        """Whether frames come when they come: those that nobody takes are lost."""
        ...

    @property
    def rate(self) -> float | None:
        """Frames a second of a recording; of a camera, what it announces, or None."""
        ...

    def read(self) -> Pixels | None:
        """Wait for the next frame.

        Returns:
            RGB, uint8 [1,H,W,3]; None at the end of a recording.

        Raises:
            CameraError: A camera is gone.
        """
        ...

    def close(self) -> None:
        """Give the device back; twice does no harm."""
        ...


@dataclass(frozen=True, eq=False)
class Frame:
    """A frame and where it belongs.

    Attributes:
        index: Its number, from 0, among all frames the camera delivered.
        captured: When it had been read, s, on the monotonic clock.
        pixels: RGB, uint8 [1,H,W,3].
    """

    index: int
    captured: float
    pixels: Pixels
