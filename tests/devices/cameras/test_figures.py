"""Frame rate, drops and stages, and the line that shows them."""

import sys
import time

import pytest

from bitprior_devices.cameras.figures import KEPT, Figures
from bitprior_devices.cameras.live_line import LiveLine


def test_nothing_yet_is_no_error():
    figures = Figures()
    assert figures.rate == 0
    assert figures.as_json() == {
        "frames": 0, "dropped": 0, "camera_lost": 0, "seconds": 0.0, "frames_per_second": 0.0,
        "stages_ms": {},
    }  # fmt: skip


def test_stages_have_median_p90_and_most_in_milliseconds():
    figures = Figures()
    for value in range(1, 12):
        figures.add("fit", value / 1000)
    figures.finish()
    stages = figures.as_json()["stages_ms"]
    assert stages["fit"] == pytest.approx({"median": 6, "p90": 10, "most": 11})
    assert figures.medians() == pytest.approx({"fit": 6})
    assert "fit 6.0 ms" in figures.line()
    assert "1 done, 0 dropped" in figures.line()


def test_the_rate_is_that_of_the_last_seconds():
    figures = Figures()
    figures.add("grab", 0.0)
    for _ in range(6):
        figures.finish()
        time.sleep(0.01)
    assert 5 < figures.rate < 100
    assert figures.as_json()["frames_per_second"] > 5


def test_the_first_stage_of_the_first_frame_counts():
    figures = Figures()
    figures.add("recover", 2.0)
    figures.finish()
    assert figures.as_json()["seconds"] == pytest.approx(2.0, abs=0.5)


def test_memory_is_bounded():
    figures = Figures()
    for _ in range(3 * KEPT):
        figures.add("fit", 0.001)
        figures.finish()
    assert len(figures._stages["fit"]) == len(figures._ends) == KEPT
    assert figures.done == 3 * KEPT


def test_a_block_that_fails_is_not_timed():
    figures = Figures()
    with pytest.raises(ValueError, match="no"), figures.timed("fit"):
        raise ValueError("no")
    assert figures.medians() == {}


def test_the_line_is_for_terminals_and_not_too_often(capsys, monkeypatch):
    line = LiveLine(Figures())
    line.update()
    line.say("text")
    line.end()
    assert capsys.readouterr().err == "text\n"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    line = LiveLine(Figures())
    line.update()
    line.update()
    shown = capsys.readouterr().err
    assert shown.count("\r") == 1
    assert "0.0 frames/s, 0 done, 0 dropped" in shown
    line.say("text")
    line.end()
    assert capsys.readouterr().err == "\rtext\x1b[K\n\n"
