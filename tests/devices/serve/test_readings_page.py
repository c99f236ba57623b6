"""A picture that grows on the page while readings come in."""

import base64
import json
import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from bitprior_devices.serve import acquisition as policy
from bitprior_devices.serve.acquisition import Acquisition
from bitprior_devices.serve.growing import Growing
from bitprior_devices.serve.reading_source import ReadingSource, open_readings
from bitprior_runtime import load
from bitprior_runtime.camera.camera_file import Camera
from bitprior_runtime.camera.detector import Detector
from bitprior_runtime.camera.recovering import CameraRecoverer
from bitprior_runtime.cli.main import run
from builders.browser import CHROMIUM
from builders.devtools import browsing
from builders.live_page import readings_page
from builders.single_pixel import FaultyDetector, psnr, still_life

SIDE, M = 32, 160
POTS = Path(os.environ.get("BITPRIOR_DATA", "missing")) / "acquisitions" / "pots_hadamard.npz"
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
TEXT = "document.getElementById('{}').textContent"


class Feed:
    """Readings that come when the test says so."""

    def __init__(self):
        self._waiting = []
        self._changed = threading.Condition()
        self._ended = False

    def give(self, values):
        with self._changed:
            self._waiting += list(values)
            self._changed.notify()

    def end(self):
        with self._changed:
            self._ended = True
            self._changed.notify()

    def parts(self, stop):
        while not stop.is_set():
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ended, 0.05)
                values, self._waiting = self._waiting, []
                ended = self._ended
            if values:
                yield values
            elif ended:
                return


@pytest.fixture(scope="module")
def recoverer():
    camera = Camera(
        f"hadamard:order=sequency,m={M}", (SIDE, SIDE), Detector(pairs="interleaved", lag=1)
    )
    return CameraRecoverer(load("photo-4bit"), camera, threads=1)


@pytest.fixture(scope="module")
def readings(recoverer):
    """Of the drawn scene: gain, offset, drift, noise, one late."""
    scene = still_life(SIDE)
    seen = recoverer.operator.forward(scene[np.newaxis, np.newaxis])[0].astype(np.float64)
    light = np.stack([scene.sum() + seen, scene.sum() - seen], axis=1).ravel() / 2 / scene.sum()
    return FaultyDetector().read(np.append(light, 0.5))


def picture(data):
    pixels = np.frombuffer(base64.b64decode(data["pixels"]), np.uint8)
    return pixels.reshape(data["height"], data["width"]).astype(np.float32) / 255


def until(growing, readings):
    """Wait for the picture of so many readings; a loaded machine may take long."""
    end = time.monotonic() + 240
    while growing.newest is None or growing.newest.readings != readings:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_picture_is_due_at_first_by_growth_at_a_pause_and_at_the_end(monkeypatch):
    acquisition = Acquisition(1000)
    assert not acquisition.due(0, 0)
    acquisition.add([0.0] * (policy.LEAST - 1))
    assert not acquisition.due(0, 0)
    acquisition.add([0.0])
    assert acquisition.due(0, 0)
    assert not acquisition.due(policy.LEAST, 0)
    acquisition.add([0.0] * 7)
    assert not acquisition.due(policy.LEAST, 0)
    acquisition.add([0.0])
    assert acquisition.due(policy.LEAST, 0)  # 40 of 32
    acquisition.add([0.0])
    assert not acquisition.due(40, 0)
    monkeypatch.setattr(policy, "IDLE_SECONDS", 0.0)
    assert acquisition.due(40, 0)
    monkeypatch.setattr(policy, "IDLE_SECONDS", 1e9)
    acquisition.end()
    assert acquisition.due(40, 0)
    assert not acquisition.due(41, 0)


def test_readings_beyond_those_of_the_camera_are_counted_and_not_kept():
    acquisition = Acquisition(3)
    acquisition.add([1.0, 2.0])
    assert not acquisition.ended
    acquisition.add([3.0, 4.0, 5.0])
    acquisition.add([6.0])
    assert (acquisition.count, acquisition.beyond, acquisition.ended) == (3, 3, True)
    np.testing.assert_array_equal(acquisition.values(), [1, 2, 3])


def test_the_picture_grows_and_is_that_of_recover(recoverer, readings):
    feed = Feed()
    growing = Growing("photo-4bit", recoverer, ReadingSource("feed", feed.parts))
    frames = []
    with readings_page(growing) as page, page.events() as events:
        state = json.loads(next(events)[1])
        assert (state["readings"], state["wanted"], state["ended"]) == (0, 2 * M + 1, False)
        for count in (80, 2 * M + 1):
            feed.give(readings[len(frames) and 80 : count])
            while not frames or frames[-1]["readings"] != count:
                name, data = next(events)
                if name == "frame":
                    frames.append(json.loads(data))
        figures = json.loads(page.ask("/figures").body)
    assert page.errors == []
    scene = still_life(SIDE)
    first, last = frames[0], frames[-1]
    assert psnr(picture(last["image"]), scene) > psnr(picture(first["image"]), scene) + 1
    assert psnr(picture(last["image"]), scene) > psnr(picture(last["plain"]), scene) + 0.5
    expected = recoverer.recover(readings)
    np.testing.assert_allclose(picture(last["image"]), expected.image[0, 0].clip(0, 1), atol=0.003)
    assert last["explained"] == pytest.approx(expected.explained, abs=1e-4)
    assert last["left_out"] == {"without a pattern": 1}
    assert [point[0] for point in last["curve"]] == [frame["readings"] for frame in frames]
    assert (figures["readings"], figures["recoveries"]) == (2 * M + 1, len(frames))
    assert figures["picture"]["used"] == M


def test_too_few_readings_are_said_and_the_page_goes_on(recoverer, readings):
    feed = Feed()
    growing = Growing("photo-4bit", recoverer, ReadingSource("feed", feed.parts))
    with readings_page(growing) as page, page.events() as events:
        feed.give([np.nan] * 40)
        state = json.loads(next(events)[1])
        while not state["message"]:
            state = json.loads(next(events)[1])
        assert "none of 40 readings is left" in state["message"]
        feed.give(readings[40:160])
        name, data = next(events)
        while name != "frame":
            name, data = next(events)
        assert json.loads(data)["left_out"]["missing (NaN or infinite)"] == 40
    assert page.errors == []


def test_the_page_of_readings_takes_nothing_from_anyone(recoverer):
    feed = Feed()
    growing = Growing("photo-4bit", recoverer, ReadingSource("feed", feed.parts))
    with readings_page(growing) as page:
        for path in ("/", "/readings.js", "/drawing.js", "/page.css", "/icon.svg"):
            assert page.ask(path).status == 200
        assert page.ask("/page.js").status == 404
        assert page.ask("/bundle", "POST", b'{"index": 0}').status == 404
        assert page.ask("/recover", "POST", b"").status == 404
        whole = b"".join(page.ask(path).body for path in ("/", "/readings.js", "/drawing.js"))
        assert b"http" not in whole
    assert page.errors == []


@pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="needs chromium")
def test_a_phone_shows_how_it_grows(recoverer, readings, tmp_path):
    feed = Feed()
    growing = Growing("photo-4bit", recoverer, ReadingSource("feed", feed.parts))
    with readings_page(growing) as served, browsing(tmp_path / "profile") as page:
        page("Emulation.setDeviceMetricsOverride", **PHONE)
        page.open(served.url)
        page.wait_for(f"{TEXT.format('readings')} === '0 of {2 * M + 1}'")
        assert page.evaluate(TEXT.format("status")) == "Live"
        feed.give(readings[:80])
        until(growing, 80)
        page.wait_for(f"{TEXT.format('of')} === '80'")
        page.wait_for(f"{TEXT.format('readings')} === '80 of {2 * M + 1}'")
        early = page.evaluate("document.getElementById('image').toDataURL()")
        feed.give(readings[80:])
        until(growing, 2 * M + 1)
        page.wait_for(f"{TEXT.format('of')} === '{2 * M + 1}'")
        assert page.evaluate("document.getElementById('image').toDataURL()") != early
        assert page.evaluate(TEXT.format("status")) == "All readings are in"
        assert page.evaluate(TEXT.format("explained")).endswith(" %")
        assert page.evaluate(TEXT.format("used")) == f"{M} of {M}"
        assert page.evaluate(TEXT.format("left")) == "1 without a pattern"
        for canvas in ("image", "plain"):
            size = f"[document.getElementById('{canvas}').width, {SIDE}]"
            assert page.evaluate(size) == [SIDE, SIDE]
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        assert page.complaints == []
        assert {url for url in page.urls if not url.startswith(served.url)} == set()


@pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="needs chromium")
@pytest.mark.skipif(not POTS.is_file(), reason=f"needs BITPRIOR_DATA with {POTS.name}")
def test_a_recording_of_a_real_camera_grows_on_the_page(tmp_path):
    # Projected patterns, the horizontal sequency first; six frames at the turns are not theirs.
    detector = Detector(pairs="differenced", leave_out=(61, 62, 63, 4093, 4094, 4095))
    operator = "hadamard:order=sequency-columns"
    camera = Camera(operator, (64, 64), detector, key="y_deg0_25ms")
    source = open_readings(str(POTS), camera, (4096, 8192), 9600, 400.0)
    growing = Growing("photo-4bit", CameraRecoverer(load("photo-4bit"), camera), source)
    with readings_page(growing) as served, browsing(tmp_path / "profile") as page:
        page.open(served.url)
        until(growing, 4096)
        page.wait_for(f"{TEXT.format('of')} === '4096'")
        assert page.evaluate(TEXT.format("status")) == "All readings are in"
        assert page.evaluate(TEXT.format("left")).startswith("6 listed in leave_out")
        assert page.complaints == []
    assert served.errors == []
    newest = growing.newest
    assert newest is not None
    assert growing.recoveries > 1
    with np.load(POTS) as archive:
        photo = archive["reference_photo_registered"].astype(np.float32) / 255
    found, plain = (psnr(r.image[0, 0], photo) for r in (newest.prior, newest.plain))
    assert found > plain - 0.1
    assert found > 17.5


@pytest.fixture
def camera_file(tmp_path):
    path = tmp_path / "camera.toml"
    path.write_text('operator = "hadamard:order=sequency,m=16"\nframe = "16x16"\n')
    return path


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--readings", "-"], "--camera with a camera file"),
        (["--readings", "-", "--camera", "CAMERA", "--warm-start"], "found --warm-start"),
        (["--readings", "none.csv", "--camera", "CAMERA"], "none.csv"),
        (["--readings", "-", "--camera", "none.toml"], "none.toml"),
        (["--camera", "0", "--pace", "5"], "--pace with --readings"),
    ],
)
def test_a_wrong_use_is_one_line(bundle_path, camera_file, options, message, capsys):
    options = [str(camera_file) if option == "CAMERA" else option for option in options]
    assert run(["serve", str(bundle_path), *options, "--port", "0"]) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1


def test_a_prior_that_is_none_of_photos_is_refused(bundle_path, camera_file, tmp_path, capsys):
    np.save(tmp_path / "r.npy", np.zeros(16))
    options = ["--readings", str(tmp_path / "r.npy"), "--camera", str(camera_file)]
    assert run(["serve", str(bundle_path), *options, "--port", "0"]) == 2
    assert "expected a photo prior" in capsys.readouterr().err


def test_stopping_does_not_wait_for_readings(recoverer):
    feed = Feed()
    growing = Growing("photo-4bit", recoverer, ReadingSource("feed", feed.parts))
    begin = time.monotonic()
    with readings_page(growing):
        pass
    assert time.monotonic() - begin < 10
    assert growing.as_json()["picture"] is None
