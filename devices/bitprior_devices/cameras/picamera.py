"""Cameras of a Raspberry Pi through picamera2, which comes with Raspberry Pi OS."""

from importlib import import_module
from typing import Any

import numpy as np

from bitprior_devices.cameras.errors import CameraError
from bitprior_devices.cameras.source import Pixels
from bitprior_runtime.errors import UsageError

SIZE = (640, 480)


class PiCamera:
    """A camera on the ribbon cable.

    Args:
        number: Which, from 0.

    Raises:
        UsageError: picamera2 is not installed.
        CameraError: There is no such camera, or it is in use.
    """

    live = True
    rate = None

    def __init__(self, number: int = 0) -> None:
        try:
            picamera2 = import_module("picamera2")  # which ships no types
        except ImportError as error:
            raise UsageError(
                "the package 'picamera2' for a Raspberry Pi camera",
                "it is not installed",
                "run: apt install python3-picamera2, in an environment made with "
                "--system-site-packages",
            ) from error
        self.name = f"picamera2:{number}"
        self._camera: Any = None
        count = len(picamera2.Picamera2.global_camera_info())
        if number >= count:
            raise CameraError(f"a camera {self.name}", f"{count} cameras", "check the ribbon cable")
        try:
            self._camera = picamera2.Picamera2(number)
            # libcamera names a format by the bytes of a little-endian word: in memory BGR888 is
            # R, G, B.
            wanted = {"size": SIZE, "format": "BGR888"}
            # queue=False: a frame taken after it was asked for, not the last one nobody wanted.
            self._camera.configure(
                self._camera.create_video_configuration(main=wanted, queue=False)
            )
            self._camera.start()
        except (RuntimeError, OSError) as error:
            self.close()
            raise self._lost(error) from error

    def read(self) -> Pixels:
        """Wait for the next frame; see :class:`FrameSource`."""
        try:
            pixels = self._camera.capture_array("main")
        except (RuntimeError, OSError) as error:
            raise self._lost(error) from error
        return np.asarray(pixels, dtype=np.uint8)[np.newaxis, :, :, :3]

    def close(self) -> None:
        """Stop the camera and give it back."""
        camera, self._camera = self._camera, None
        if camera is not None:
            camera.stop()
            camera.close()

    def _lost(self, error: Exception) -> CameraError:
        return CameraError(
            f"frames from {self.name}",
            str(error) or type(error).__name__,
            "check the ribbon cable, and who else uses the camera",
        )
