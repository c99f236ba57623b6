"""Frames from a camera that goes and comes, and from recordings in their own time."""

import threading
import time

import pytest

from bitprior_devices.cameras import CameraError
from bitprior_devices.cameras.figures import Figures
from bitprior_devices.cameras.grabbing import Grabber, Patience
from builders.fake_source import FakeSource, gone

QUICK = Patience(seconds=5, first=0.001, longest=0.004)


class Grabbing:
    """A grabber over sources that are opened in turn; errors stand for tries that fail."""

    def __init__(self, *opened, **options):
        self.sources = list(opened)
        self.stop = threading.Event()
        self.figures = Figures()
        self.told = []
        options.setdefault("patience", QUICK)
        self.grabber = Grabber(
            self._open,
            self.stop,
            self.figures,
            told=lambda text, there: self.told.append((there, text)),
            **options,
        )

    def _open(self):
        source = self.sources.pop(0)
        if isinstance(source, Exception):
            raise source
        return source


def test_a_recording_ends_at_its_end():
    source = FakeSource(frames=3, live=False)
    run = Grabbing(source)
    found = list(run.grabber)
    assert [frame.index for frame in found] == [0, 1, 2]
    assert [int(frame.pixels[0, 0, 0, 0]) for frame in found] == [0, 1, 2]
    assert source.closed
    assert run.told == []


def test_an_unplugged_camera_is_opened_again_and_numbers_go_on():
    first = FakeSource(frames=2, last=gone())
    second = FakeSource(frames=2)
    run = Grabbing(first, gone(), gone(), second)
    assert [frame.index for frame in run.grabber] == [0, 1, 2, 3]
    assert first.closed
    assert second.closed
    assert run.figures.lost == 1
    assert [there for there, _ in run.told] == [False, True]
    assert run.told[0][1].startswith("Waiting for the camera: frames from fake")
    assert run.told[1][1].startswith("The camera is back after ")


def test_waits_double_up_to_the_longest(monkeypatch):
    run = Grabbing(*[gone()] * 5, FakeSource())
    waits = []
    monkeypatch.setattr(run.stop, "wait", lambda seconds: waits.append(seconds))
    assert run.grabber.open() is not None
    assert waits == [0.001, 0.002, 0.004, 0.004, 0.004]


def test_patience_ends_with_the_cameras_own_error():
    run = Grabbing(*[gone()] * 100, patience=Patience(seconds=0.02, first=0.004, longest=0.004))
    with pytest.raises(CameraError, match="none any more"):
        run.grabber.open()
    assert 90 < len(run.sources) < 99  # some tries, not all


def test_without_patience_the_first_failure_is_the_end():
    run = Grabbing(gone(), FakeSource(), patience=Patience(seconds=0))
    with pytest.raises(CameraError):
        list(run.grabber)
    assert run.told == []


def test_a_stop_ends_a_wait_and_gives_the_camera_back():
    run = Grabbing(*[gone()] * 9, patience=Patience(seconds=60, first=30))
    timer = threading.Timer(0.02, run.stop.set)
    timer.start()
    begin = time.monotonic()
    assert run.grabber.open() is None
    assert time.monotonic() - begin < 5
    source = FakeSource(frames=100)
    run = Grabbing(source)
    for frame in run.grabber:
        if frame.index == 4:
            run.stop.set()
    assert frame.index == 4
    assert source.closed


def test_other_errors_are_not_waited_out():
    run = Grabbing(FakeSource(frames=1, last=ValueError("wrong")), FakeSource())
    with pytest.raises(ValueError, match="wrong"):
        list(run.grabber)


def test_a_recording_in_real_time_takes_as_long_as_it_is():
    begin = time.monotonic()
    found = list(Grabbing(FakeSource(frames=6, live=False, rate=100), realtime=True).grabber)
    assert len(found) == 6
    assert time.monotonic() - begin > 0.045


def test_after_a_pause_a_recording_does_not_hurry_to_catch_up():
    run = Grabbing(FakeSource(frames=4, live=False, rate=20), realtime=True)
    frames = iter(run.grabber)
    next(frames)
    time.sleep(0.2)
    late = [next(frames).captured for _ in range(3)]
    assert late[2] - late[0] > 0.05


def test_a_recording_begins_again_until_stopped():
    sources = [FakeSource(frames=2, live=False) for _ in range(3)]
    run = Grabbing(*sources, again=True)
    found = []
    for frame in run.grabber:
        found.append((frame.index, int(frame.pixels[0, 0, 0, 0])))
        if frame.index == 4:
            run.stop.set()
    assert found == [(0, 0), (1, 1), (2, 0), (3, 1), (4, 0)]
    assert all(source.closed for source in sources)


def test_an_empty_recording_does_not_begin_again_for_ever():
    run = Grabbing(FakeSource(frames=0, live=False), FakeSource(frames=0, live=False), again=True)
    assert list(run.grabber) == []
