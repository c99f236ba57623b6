"""From rounds to rows."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from roofline import Peaks
from tables import result_of, table

PEAKS = Peaks(2, 100.0, 400.0, ((2**15, 200.0), (2**20, 100.0), (2**26, 20.0)))
WORK = {"macs": 10**6, "float_macs": 10**6, "byte_macs": 0, "weight_bytes": 2**21}
PLACE = ("mnist", 1, 2)


def rounds(*found):
    return [
        {"gradient_us": time, "waited": waited, "peak_rss_mb": 50.0, "work": WORK}
        for time, waited in found
    ]


def result(ours, base):
    found = {(PLACE, "torch eager"): rounds(*base), (PLACE, "ours"): rounds(*ours)}
    return result_of(len(ours), {2: PEAKS}, found, {})


def test_disturbed_rounds_do_not_count():
    row = result([(100.0, 0.0), (900.0, 0.5), (110.0, 0.01)], [(1050.0, 0.0)])["rows"][1]
    assert row["gradient_us"] == 105.0
    assert row["times_torch"] == 10.0


def test_a_row_disturbed_in_every_round_has_no_ratio_and_a_mark():
    found = result([(900.0, 0.5), (700.0, 0.2)], [(1000.0, 0.0)])
    assert found["rows"][1]["times_torch"] is None
    assert "| ~700 |  |" in table(found)


def test_the_peak_is_the_slower_of_products_and_reading():
    read = PEAKS.best_us(WORK, 1)
    assert read == (pytest.approx(2**21 / 100 / 1e3), "read")
    assert PEAKS.best_us(WORK, 16) == (pytest.approx(160.0), "float")


def test_bytes_without_a_measured_peak_have_no_share():
    unknown = Peaks(1, 100.0, None, PEAKS.read_gb_per_s)
    assert unknown.best_us({**WORK, "float_macs": 0, "byte_macs": 10**6}, 1) is None


def test_reading_between_two_measured_sizes_is_interpolated():
    assert PEAKS.read(2**23) == pytest.approx(60.0)
    assert PEAKS.read(1) == 200.0
    assert PEAKS.read(2**30) == 20.0
