"""Cameras: frames in, a stream of measurements out, and back to images."""

from bitprior_devices.cameras.address import open_source
from bitprior_devices.cameras.errors import CameraError
from bitprior_devices.cameras.source import Frame, FrameSource

__all__ = ["CameraError", "Frame", "FrameSource", "open_source"]
