"""What ``--camera`` may say, and the source it means."""

import re
from pathlib import Path

from bitprior_devices.cameras.folder import ImageFolder
from bitprior_devices.cameras.opencv import OpenCvCamera, VideoFile
from bitprior_devices.cameras.picamera import PiCamera
from bitprior_devices.cameras.source import FrameSource
from bitprior_runtime.errors import UsageError

_NUMBERED = re.compile(r"(?:(csi|picamera2):)?([0-9]{1,3})")

# A Jetson's camera on the ribbon cable, through its image processor: what NVIDIA documents, down to
# frames that OpenCV takes, and never more than the newest one waiting.
_ARGUS = (
    "nvarguscamerasrc sensor-id={} ! video/x-raw(memory:NVMM), width=1280, height=720, "
    "framerate=30/1 ! nvvidconv ! video/x-raw, width=640, height=360, format=BGRx ! "
    "videoconvert ! video/x-raw, format=BGR ! appsink drop=true max-buffers=1 sync=false"
)


def open_source(address: str) -> FrameSource:
    """Open a camera, a video file or a folder of images.

    Args:
        address: A number or ``/dev/video...`` (USB, V4L2); ``csi:0`` (Jetson, nvarguscamerasrc);
            ``picamera2`` or ``picamera2:1`` (Raspberry Pi); a GStreamer pipeline, which has a
            ``!``; a folder; a video file.

    Raises:
        UsageError: None of these, or what it needs is not installed.
        CameraError: The camera cannot be opened.
    """
    numbered = _NUMBERED.fullmatch("picamera2:0" if address == "picamera2" else address)
    if numbered:
        kind, number = numbered[1], int(numbered[2])
        if kind == "picamera2":
            return PiCamera(number)
        target = _ARGUS.format(number) if kind == "csi" else number
        return OpenCvCamera(target, address if kind else f"/dev/video{number}")
    if "!" in address:
        return OpenCvCamera(address, "the pipeline")
    path = Path(address)
    if address.startswith("/dev/"):
        return OpenCvCamera(address, address)
    if path.is_dir():
        return ImageFolder(path)
    if path.is_file():
        return VideoFile(path)
    raise UsageError(
        "a camera (0, /dev/video0, csi:0, picamera2, a GStreamer pipeline), a video file or a "
        "folder of images",
        f"{address!r}",
        "check the name",
    )
