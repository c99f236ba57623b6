"""What a camera shows, in the order of time."""

import numpy as np
import pytest

from bitprior_runtime.camera.camera_file import Camera
from bitprior_runtime.camera.detector import Detector
from bitprior_runtime.camera.shown import shown_by
from bitprior_runtime.errors import UsageError

SCENE = np.random.default_rng(3).random((1, 1, 4, 8)).astype(np.float32)


def hadamard(values="pm", **detector):
    operator = f"hadamard:order=sequency,m=12,values={values}"
    return Camera(operator, (4, 8), Detector(**detector))


def stacked(tmp_path, stack, **detector):
    np.save(tmp_path / "stack.npy", stack)
    frame = stack.shape[1:]
    return Camera("patterns:stack.npy", frame, Detector(**detector), folder=tmp_path)


def light_of(shown):
    parts = [patterns for _, patterns in shown.parts()]
    return np.concatenate(parts)


@pytest.mark.parametrize("pairs", ["interleaved", "halves"])
@pytest.mark.parametrize("lag", [0, 2])
def test_readings_of_what_is_shown_are_those_that_the_detector_expects(pairs, lag):
    camera = hadamard(pairs=pairs, lag=lag)
    shown = shown_by(camera)
    assert (len(shown), shown.binary) == (24, True)
    readings = light_of(shown).reshape(24, -1).astype(np.float64) @ SCENE.ravel()
    late = np.concatenate([np.full(lag, 7.0), readings])
    corrected = camera.detector.corrected(late, 12)
    np.testing.assert_allclose(corrected.y, camera.build().forward(SCENE)[0], atol=1e-4)


def test_the_pair_of_a_hadamard_pattern_is_itself_and_its_complement():
    light = light_of(shown_by(hadamard(pairs="interleaved")))
    assert light.dtype == bool
    np.testing.assert_array_equal(light[0::2], ~light[1::2])


def test_what_is_subtracted_before_it_is_stored_is_shown_in_turn():
    one, other = (shown_by(hadamard(pairs=p)) for p in ("differenced", "interleaved"))
    np.testing.assert_array_equal(one.pattern, other.pattern)
    np.testing.assert_array_equal(one.sign, other.sign)


def test_patterns_of_0_and_1_are_shown_as_they_are():
    camera = hadamard("01")
    shown = shown_by(camera)
    readings = light_of(shown).reshape(12, -1) @ SCENE.ravel()
    np.testing.assert_allclose(readings, camera.build().forward(SCENE)[0], atol=1e-4)
    np.testing.assert_array_equal(shown.pattern, np.arange(12))


def test_gray_patterns_have_8_bits_and_full_light_where_they_are_largest(tmp_path):
    stack = np.random.default_rng(0).random((5, 4, 8)).astype(np.float32) * 3
    shown = shown_by(stacked(tmp_path, stack))
    light = light_of(shown)
    assert not shown.binary
    assert light.dtype == np.uint8
    np.testing.assert_allclose(light, 255 * stack / stack.max(), atol=0.51)


def test_patterns_of_three_values_become_pairs_of_bits(tmp_path):
    stack = np.random.default_rng(0).integers(-1, 2, (5, 4, 8)).astype(np.float32)
    shown = shown_by(stacked(tmp_path, stack, pairs="interleaved"))
    light = light_of(shown)
    assert shown.binary
    np.testing.assert_array_equal(light[0::2].astype(int) - light[1::2], stack)


def test_the_view_of_the_picture_does_not_turn_what_is_shown():
    as_written, turned = hadamard(pairs="interleaved"), hadamard(pairs="interleaved")
    turned = Camera(turned.operator, (8, 4), turned.detector, view="quarter-left")
    np.testing.assert_array_equal(light_of(shown_by(turned)), light_of(shown_by(as_written)))


def test_the_first_patterns_alone_are_the_beginning_of_all():
    camera = hadamard(pairs="interleaved")
    few, all_of_them = light_of(shown_by(camera, 5)), light_of(shown_by(camera))
    np.testing.assert_array_equal(few, all_of_them[:10])


def test_many_patterns_are_made_a_few_at_a_time():
    camera = Camera("hadamard:order=sequency", (64, 64), Detector(pairs="halves"))
    sizes = [len(patterns) for _, patterns in shown_by(camera).parts()]
    assert sum(sizes) == 2 * 64 * 64
    assert max(sizes) <= 256


@pytest.mark.parametrize(
    ("camera", "patterns", "message"),
    [
        (hadamard(), None, "entries down to -1 with pairs = 'none'"),
        (hadamard("01", pairs="interleaved"), None, "patterns with negative entries"),
        (hadamard(pairs="halves"), 5, "all patterns with pairs = 'halves'"),
        (hadamard(pairs="interleaved"), 13, "1 to 12 patterns; found 13"),
        (hadamard(pairs="interleaved"), 0, "1 to 12 patterns; found 0"),
        (Camera("hadamard:order=natural", (512, 512), Detector(pairs="halves")), None, "131072"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_a_line(camera, patterns, message):
    with pytest.raises(UsageError, match=message) as caught:
        shown_by(camera, patterns)
    assert "\n" not in str(caught.value)
