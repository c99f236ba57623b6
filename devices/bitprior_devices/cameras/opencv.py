"""Cameras and video files through OpenCV."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bitprior_devices.cameras.errors import CameraError
from bitprior_devices.cameras.source import Pixels
from bitprior_runtime.errors import MissingExtraError, MissingFileError, UsageError

if TYPE_CHECKING:
    import cv2

# Frames a second of a recording whose file does not say, or says nonsense.
DEFAULT_RATE = 25.0
_PLAUSIBLE_RATES = (0.1, 1000.0)


def import_cv2() -> Any:
    """Return OpenCV, quiet: what it cannot open is said once, by an error of ours.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise MissingExtraError("cv2", "devices", "cameras and video files") from error
    # Boards have the system's OpenCV, which may be years old: 4.6 has this in another place.
    (getattr(cv2.utils, "logging", None) or cv2).setLogLevel(0)
    return cv2


class OpenCvCamera:
    """A camera by number or path (V4L2), or at the end of a GStreamer pipeline.

    Args:
        target: Number of the camera, ``/dev/...`` or a pipeline.
        name: What to call it.

    Raises:
        CameraError: It cannot be opened.
        UsageError: A pipeline, and this OpenCV was built without GStreamer.
        MissingExtraError: OpenCV is not installed.
    """

    live = True

    def __init__(self, target: int | str, name: str) -> None:
        cv2 = import_cv2()
        pipeline = isinstance(target, str) and "!" in target
        if pipeline and "GStreamer:                   NO" in cv2.getBuildInformation():
            raise UsageError(
                "an OpenCV with GStreamer for a pipeline",
                f"OpenCV {cv2.__version__} without it, as from PyPI",
                "use the system's OpenCV (JetPack's, or apt's python3-opencv), or a V4L2 camera",
            )
        self.name = name
        self._convert = (cv2.cvtColor, cv2.COLOR_BGR2RGB)
        self._capture = cv2.VideoCapture(target, cv2.CAP_GSTREAMER if pipeline else cv2.CAP_V4L2)
        if not self._capture.isOpened():
            raise CameraError(
                f"a camera at {name}",
                "nothing that opens",
                "plug it in, check the number (ls /dev/video*) and who else uses it",
            )
        # Otherwise a slow reader gets frames as old as the queue is long.
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        self.rate = _announced(self._capture, cv2.CAP_PROP_FPS)

    def read(self) -> Pixels:
        """Wait for the next frame; see :class:`FrameSource`."""
        there, pixels = self._capture.read()
        if not there:
            raise CameraError(f"frames from {self.name}", "none any more", "plug it in again")
        return _rgb(pixels, self._convert)

    def close(self) -> None:
        """Give the camera back."""
        self._capture.release()


class VideoFile:
    """A video file, from its first frame to its last that can be decoded.

    Args:
        path: The file.

    Raises:
        MissingFileError: No such file.
        UsageError: OpenCV finds no video in it.
        MissingExtraError: OpenCV is not installed.
    """

    live = False

    def __init__(self, path: Path) -> None:
        cv2 = import_cv2()
        # A path that is no file would be taken for a URL or a pattern of names.
        if not path.is_file():
            raise MissingFileError(f"a video file {path}", "no such file", "check the name")
        self.name = path.name
        self._convert = (cv2.cvtColor, cv2.COLOR_BGR2RGB)
        self._capture = cv2.VideoCapture(str(path.absolute()), cv2.CAP_FFMPEG)
        if not self._capture.isOpened():
            raise UsageError(
                f"a video that OpenCV decodes in {path}",
                f"{path.stat().st_size} bytes of something else",
                "convert it, e.g. to MJPG in AVI",
            )
        self.rate = _announced(self._capture, cv2.CAP_PROP_FPS) or DEFAULT_RATE

    def read(self) -> Pixels | None:
        """Decode the next frame; see :class:`FrameSource`."""
        there, pixels = self._capture.read()
        return _rgb(pixels, self._convert) if there else None

    def close(self) -> None:
        """Close the file."""
        self._capture.release()


def _announced(capture: "cv2.VideoCapture", prop: int) -> float | None:
    rate = float(capture.get(prop))
    low, high = _PLAUSIBLE_RATES
    return rate if low <= rate <= high else None


def _rgb(pixels: Any, convert: tuple[Any, int]) -> Pixels:
    change, code = convert
    return np.asarray(change(pixels, code), dtype=np.uint8)[np.newaxis]
