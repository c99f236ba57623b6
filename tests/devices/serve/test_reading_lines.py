"""Lines of readings, whole or in pieces."""

import math

import numpy as np
import pytest

from bitprior_devices.serve.reading_lines import MAX_LINE, ReadingLines


def fed(*parts):
    lines = ReadingLines()
    found = [value for part in parts for value in lines.feed(part)]
    return found + lines.end(), lines.unreadable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"1\n2.5\n-3e2\n", [1, 2.5, -300]),
        (b"1\r\n2\r\n", [1, 2]),
        (b"1 2\t3\n4,5;", [1, 2, 3, math.nan]),
        (b"1, 2, 3\n4;5;\n6", [1, 2, 3, 4, 5, 6]),
        (b"# light\n\n1\n#2\n3\n", [1, 3]),
        (b"shown,light\n1\n", [1]),
        (b"nan\n1,,2\ninf\n", [math.nan, 1, math.nan, 2, math.inf]),
    ],
)
def test_numbers_are_read_in_the_order_of_time(text, expected):
    found, unreadable = fed(text)
    np.testing.assert_array_equal(found, expected)
    assert unreadable == (1 if text.endswith(b"5;") and b"4,5" in text else 0)


def test_it_does_not_matter_in_which_pieces_bytes_come():
    text = b"names\n1\n22\n# x\n3.25 4\nrubbish\n5"
    whole, unreadable = fed(text)
    assert unreadable == 1
    for step in (1, 2, 3, 7):
        parts = [text[i : i + step] for i in range(0, len(text), step)]
        found, again = fed(*parts)
        np.testing.assert_array_equal(found, whole)
        assert again == 1


@pytest.mark.parametrize("line", [b"1.2.3", b"\xff\xfe12", b"1_0", b"0x10", b"12 volts", b"--4"])
def test_a_line_that_cannot_be_read_is_one_missing_reading(line):
    found, unreadable = fed(b"1\n" + line + b"\n3\n")
    np.testing.assert_array_equal(found, [1, math.nan, 3])
    assert unreadable == 1


def test_half_a_line_at_the_start_of_a_serial_line_is_a_missing_reading_too():
    found, unreadable = fed(b".5.1\n2\n")
    np.testing.assert_array_equal(found, [math.nan, 2])
    assert unreadable == 1


def test_a_line_without_end_takes_no_memory():
    lines = ReadingLines()
    for _ in range(50):
        assert lines.feed(b"7" * MAX_LINE) == []
    assert len(lines._rest) <= MAX_LINE
    found = lines.feed(b"\n5\n")
    np.testing.assert_array_equal(found, [math.nan, 5])
    assert lines.unreadable == 1
