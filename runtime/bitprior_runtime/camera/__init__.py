"""Cameras: an operator, a detector and the files of both, as ``camera.toml`` says."""

from bitprior_runtime.camera.camera_file import Camera, read_camera
from bitprior_runtime.camera.camera_toml import to_toml, write_camera
from bitprior_runtime.camera.detector import Corrected, Detector

__all__ = ["Camera", "Corrected", "Detector", "read_camera", "to_toml", "write_camera"]
