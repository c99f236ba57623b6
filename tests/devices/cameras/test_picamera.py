"""The adapter of picamera2, against a module with the same calls: no hardware is at hand."""

import sys
from types import ModuleType

import numpy as np
import pytest

from bitprior_devices.cameras import CameraError, open_source
from bitprior_runtime.errors import UsageError


class Picamera2:
    """What the adapter uses of picamera2's class."""

    calls: tuple = ()
    busy = False
    lost = False

    def __init__(self, number):
        Picamera2.calls = (("open", number),)
        if Picamera2.busy:
            raise RuntimeError("Camera __init__ sequence did not complete.")

    @staticmethod
    def global_camera_info():
        return [{"Num": 0}, {"Num": 1}]

    def create_video_configuration(self, main, queue):
        return {"main": main, "queue": queue}

    def configure(self, configuration):
        self._note("configure", configuration)

    def start(self):
        self._note("start")

    def capture_array(self, name):
        if Picamera2.lost:
            raise RuntimeError("timed out")
        height, width = 480, 640
        return np.full((height, width, 3), (1, 2, 3), np.uint8) if name == "main" else None

    def stop(self):
        self._note("stop")

    def close(self):
        self._note("close")

    def _note(self, *call):
        Picamera2.calls += (call,)


@pytest.fixture(autouse=True)
def picamera2(monkeypatch):
    module = ModuleType("picamera2")
    module.Picamera2 = Picamera2
    monkeypatch.setitem(sys.modules, "picamera2", module)
    monkeypatch.setattr(Picamera2, "busy", False)
    monkeypatch.setattr(Picamera2, "lost", False)


def test_frames_come_as_rgb_bytes_and_the_camera_is_given_back():
    source = open_source("picamera2:1")
    assert (source.live, source.rate, source.name) == (True, None, "picamera2:1")
    pixels = source.read()
    assert (pixels.shape, pixels.dtype) == ((1, 480, 640, 3), np.uint8)
    assert pixels[0, 0, 0].tolist() == [1, 2, 3]
    source.close()
    source.close()
    # BGR888 is picamera2's name for R, G, B in memory.
    main = {"size": (640, 480), "format": "BGR888"}
    assert Picamera2.calls == (
        ("open", 1), ("configure", {"main": main, "queue": False}), ("start",), ("stop",),
        ("close",),
    )  # fmt: skip


def test_a_camera_that_is_not_there_busy_or_lost_is_an_error(monkeypatch):
    with pytest.raises(CameraError, match="2 cameras"):
        open_source("picamera2:2")
    source = open_source("picamera2")
    monkeypatch.setattr(Picamera2, "lost", True)
    with pytest.raises(CameraError, match="timed out"):
        source.read()
    monkeypatch.setattr(Picamera2, "busy", True)
    with pytest.raises(CameraError, match="did not complete"):
        open_source("picamera2")


def test_a_camera_that_cannot_start_is_given_back(monkeypatch):
    def fail(self):
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(Picamera2, "start", fail)
    with pytest.raises(CameraError, match="busy"):
        open_source("picamera2")
    assert Picamera2.calls[-1] == ("close",)


def test_without_picamera2_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(UsageError, match="apt install python3-picamera2"):
        open_source("picamera2")
