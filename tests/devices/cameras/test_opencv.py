"""Video files through real decoders, and cameras that are not there."""

import sys

import cv2
import numpy as np
import pytest

from bitprior_devices.cameras import CameraError, open_source
from bitprior_devices.cameras.opencv import DEFAULT_RATE, OpenCvCamera, VideoFile
from bitprior_runtime.errors import MissingExtraError, MissingFileError, UsageError
from builders.videos import frames, write_video


def decoded(path):
    source = open_source(str(path))
    found = []
    while (pixels := source.read()) is not None:
        found.append(pixels)
    source.close()
    return np.concatenate(found)


@pytest.mark.parametrize(
    ("codec", "name"), [("MJPG", "a.avi"), ("mp4v", "a.mp4"), ("FFV1", "a.mkv")]
)
def test_a_video_comes_back_frame_by_frame_in_rgb(tmp_path, codec, name):
    path = write_video(tmp_path / name, count=5, codec=codec)
    found, written = decoded(path), frames(5)
    assert found.shape == written.shape
    assert found.dtype == np.uint8
    # Lossy codecs, with colour at half the resolution.
    error = np.abs(found.astype(int) - written).mean()
    assert error < 4
    # Orange, not blue: the channels are in their order.
    assert found[..., 0].mean() > 2 * found[..., 2].mean()


def test_a_recording_knows_its_rate_and_is_not_live(tmp_path):
    source = VideoFile(write_video(tmp_path / "a.avi", rate=12.5))
    assert (source.rate, source.live, source.name) == (12.5, False, "a.avi")
    source.close()
    source.close()
    assert source.read() is None


def test_a_nonsense_rate_is_replaced(tmp_path, monkeypatch):
    path = write_video(tmp_path / "a.avi", count=1)
    monkeypatch.setattr(cv2, "CAP_PROP_FPS", cv2.CAP_PROP_GAMMA)  # which a file has not: 0
    source = VideoFile(path)
    assert source.rate == DEFAULT_RATE
    source.close()


def test_a_video_that_is_cut_short_ends_where_it_ends(tmp_path):
    path = write_video(tmp_path / "a.avi", count=10)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert 1 <= len(decoded(path)) < 10


@pytest.mark.parametrize("content", [b"", b"RIFF", b"no video", bytes(range(256)) * 9])
def test_what_is_no_video_is_refused(tmp_path, content, capfd):
    path = tmp_path / "a.avi"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="a video that OpenCV decodes"):
        VideoFile(path)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", ["missing.avi", "%03d.png", "http://127.0.0.1:1/a.avi"])
def test_a_name_is_a_file_and_never_a_pattern_or_an_address(tmp_path, name):
    with pytest.raises(MissingFileError, match="a video file"):
        VideoFile(tmp_path / name)
    with pytest.raises(UsageError, match="a camera"):
        open_source(name)


def test_a_camera_that_is_not_there_is_an_error_and_nothing_else_is_printed(capfd):
    with pytest.raises(CameraError, match="/dev/video97") as raised:
        OpenCvCamera(97, "/dev/video97")
    assert raised.value.exit_code == 4
    assert capfd.readouterr().err == ""


def test_a_pipeline_needs_an_opencv_with_gstreamer():
    if "GStreamer:                   NO" not in cv2.getBuildInformation():
        pytest.skip("this OpenCV has GStreamer")
    for address in ("v4l2src ! videoconvert ! appsink", "csi:0"):
        with pytest.raises(UsageError, match="without it, as from PyPI"):
            open_source(address)


def test_without_opencv_one_line_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "cv2", None)
    for address in ("0", str(tmp_path)):
        with pytest.raises(MissingExtraError, match=r"bitprior\[devices\]"):
            open_source(address)


def test_an_older_opencv_is_made_quiet_too(monkeypatch):
    levels = []
    monkeypatch.delattr(cv2.utils, "logging")
    monkeypatch.setattr(cv2, "setLogLevel", levels.append, raising=False)
    with pytest.raises(CameraError):
        open_source("97")
    assert levels == [0]


class Capture:
    """Stands in for a camera that is unplugged after two frames."""

    made: tuple = ()

    def __init__(self, *target):
        Capture.made = target
        self.settings = {}
        self.frames = [np.full((4, 6, 3), (3, 2, 1), np.uint8)] * 2
        self.released = False

    def isOpened(self):  # noqa: N802 - OpenCV's name
        return True

    def get(self, _):
        return 30.0

    def set(self, prop, value):
        self.settings[prop] = value

    def read(self):
        return (True, self.frames.pop()) if self.frames else (False, None)

    def release(self):
        self.released = True


def test_a_camera_queues_nothing_and_its_loss_is_an_error(monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", Capture)
    source = open_source("2")
    assert Capture.made == (2, cv2.CAP_V4L2)
    assert (source.live, source.rate, source.name) == (True, 30.0, "/dev/video2")
    assert source._capture.settings == {cv2.CAP_PROP_BUFFERSIZE: 1}
    for _ in range(2):
        pixels = source.read()
        assert pixels.shape == (1, 4, 6, 3)
        assert pixels[0, 0, 0].tolist() == [1, 2, 3]
    with pytest.raises(CameraError, match="none any more"):
        source.read()
    source.close()
    assert source._capture.released


@pytest.mark.parametrize("address", ["v4l2src ! appsink", "csi:1", "/dev/video3"])
def test_pipelines_and_devices_go_to_the_right_part_of_opencv(monkeypatch, address):
    monkeypatch.setattr(cv2, "VideoCapture", Capture)
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "GStreamer: YES")
    open_source(address)
    target, api = Capture.made
    assert api == (cv2.CAP_V4L2 if address.startswith("/dev") else cv2.CAP_GSTREAMER)
    if address == "csi:1":
        assert target.startswith("nvarguscamerasrc sensor-id=1 ! ")
        assert target.endswith("appsink drop=true max-buffers=1 sync=false")
    else:
        assert target == address
