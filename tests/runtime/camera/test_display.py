"""Where patterns lie on a display."""

import numpy as np
import pytest

from bitprior_runtime.camera.display import parse_at, parse_display, place
from bitprior_runtime.errors import UsageError

PATTERNS = np.random.default_rng(0).random((2, 3, 4)) < 0.5


def test_every_pixel_becomes_a_square_where_it_was_asked_for():
    placed = place((3, 4), (20, 30), 5, (2, 7)).placed(PATTERNS)
    assert placed.shape == (2, 20, 30)
    inside = placed[:, 2:17, 7:27]
    np.testing.assert_array_equal(inside[:, ::5, ::5], PATTERNS)
    np.testing.assert_array_equal(inside[:, 4::5, 4::5], PATTERNS)
    assert placed.sum() == 25 * PATTERNS.sum()


def test_by_default_patterns_are_as_large_as_fits_and_in_the_middle():
    found = place((3, 4), (20, 30))
    assert (found.scale, found.top, found.left) == (6, 1, 3)
    assert place((3, 4)).display == (3, 4)


@pytest.mark.parametrize(
    ("flip", "expected"),
    [
        ("left-right", PATTERNS[:, :, ::-1]),
        ("up-down", PATTERNS[:, ::-1]),
        ("both", PATTERNS[:, ::-1, ::-1]),
    ],
)
def test_patterns_are_mirrored_in_their_place(flip, expected):
    placed = place((3, 4), (20, 30), 1, (2, 7), flip).placed(PATTERNS)
    np.testing.assert_array_equal(placed[:, 2:5, 7:11], expected)


@pytest.mark.parametrize(("side", "scale"), [(64, 8), (12, 1), (33, 3), (100, 1)])
def test_no_turn_or_mirror_image_of_the_calibration_frame_is_itself(side, scale):
    frame = place((side, side), scale=scale).calibration()
    turned = [np.rot90(f, k) for f in (frame, frame.T) for k in range(4)]
    same = [np.array_equal(frame, other) for other in turned]
    assert same == [True] + 7 * [False]
    assert frame[0].all()
    assert frame[-1].all()
    assert frame[:, 0].all()
    assert frame[:, -1].all()
    assert frame[(side * scale - 1) // 2, (side * scale - 1) // 2]


def test_the_calibration_frame_lies_where_the_patterns_do():
    found = place((16, 16), (50, 80), 2, (5, 9), "left-right")
    frame = found.calibration()
    rows, columns = np.nonzero(frame)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (5, 36, 9, 40)
    upright = place((16, 16), scale=2).calibration()
    np.testing.assert_array_equal(frame[5:37, 9:41], upright[:, ::-1])


def test_marks_that_would_run_into_each_other_are_left_out():
    assert place((11, 11)).calibration() is None


def test_a_display_is_named_by_width_and_height():
    assert parse_display("1024x768") == (768, 1024)
    assert parse_at("3,40") == (3, 40)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((3, 4), (2, 30)), r"30x2 .*found 4x3 pixels"),
        (((3, 4), (20, 30), 8), "found 32x24 pixels"),
        (((3, 4), (20, 30), 2, (15, 0)), "at row 15, column 0"),
        (((3, 4), (20, 30), 2, None, "sideways"), "sideways"),
        (((3, 4), None, 9999), "at most 16384 pixels a side"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        place(*arguments)


@pytest.mark.parametrize("text", ["", "1024", "0x5", "ax5", "5x5x5", "1024,768"])
def test_a_display_of_another_form_is_refused(text):
    with pytest.raises(UsageError, match="WIDTHxHEIGHT"):
        parse_display(text)


@pytest.mark.parametrize("text", ["", "5", "-1,5", "5x5"])
def test_a_place_of_another_form_is_refused(text):
    with pytest.raises(UsageError, match="TOP,LEFT"):
        parse_at(text)
