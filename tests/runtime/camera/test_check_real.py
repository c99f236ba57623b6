"""camera check finds by itself what is wrong with readings of real instruments."""

import numpy as np
import pytest

from bitprior_runtime.camera import Camera, Detector, read_camera, write_camera
from bitprior_runtime.camera.check import check_camera
from builders.detectors import acquisition, covariance


def checked(camera):
    return check_camera(camera, camera.read(), covariance())


def changed(check):
    return {advice.key for advice in check.advice if advice.key}


def mirrors(frame=(15, 12), readings="dmd_random_m76", **detector):
    """Return a camera with the patterns of macropixels of 76 mirrors."""
    path = acquisition("dmd_random_m76")
    return Camera(
        f"patterns:{path}#patterns_packed,packed=01", frame, Detector(**detector),
        file=str(acquisition(readings)), key="y",
    )  # fmt: skip


def pots(operator="hadamard:order=sequency-columns", key="y_deg0_25ms"):
    file = str(acquisition("pots_hadamard"))
    return Camera(operator, (64, 64), Detector(pairs="differenced"), file=file, key=key)


def test_the_lag_and_the_polarity_of_random_mirrors_are_found(tmp_path):
    check = checked(mirrors())
    assert changed(check) == {"lag", "polarity"}
    assert (check.fixed.detector.lag, check.fixed.detector.polarity) == (1, -1)
    assert check.written_share < 0.01
    assert check.share > 0.85
    assert 0.06 < check.scale.sigma < 0.08
    assert check.corrected.left_out == {"without a pattern": 1}
    write_camera(tmp_path / "fixed.toml", check.fixed)
    again = checked(read_camera(tmp_path / "fixed.toml"))
    assert again.best_as_written


@pytest.mark.parametrize("claimed", [(12, 15), (30, 6)])
def test_macropixels_of_another_shape_than_claimed_are_found(claimed):
    check = checked(mirrors(claimed, lag=1, polarity=-1))
    assert check.fixed.frame == (15, 12)
    assert changed(check) == {"frame"}


def test_patterns_of_another_macropixel_than_the_readings_explain_nothing():
    check = checked(mirrors(readings="dmd_random_m12"))
    assert not check.explains
    assert max(way.share for way in check.ways.all) < 0.01
    assert "macropixel" in check.advice[-1].text


def test_late_frames_of_the_projector_are_left_out_and_the_order_is_found():
    check = checked(pots("hadamard:order=sequency"))
    assert check.fixed.operator in (
        "hadamard:order=sequency-columns",
        "hadamard:order=sequency-rows",
    )
    assert "cannot tell" in " ".join(advice.text for advice in check.advice)
    assert {"operator", "leave_out"} == changed(check)
    zero = next(symptom for symptom in check.symptoms if symptom.kind == "zero")
    assert zero.readings == (4093, 4094, 4095)
    assert check.outlying.start == (61, 62, 63)
    assert {61, 62, 63, 4093, 4094, 4095} <= set(check.fixed.detector.leave_out)
    # What is left out is noise of the instrument, not the low sequencies that make the picture.
    rows, columns = np.divmod(np.array(check.fixed.detector.leave_out), 64)
    assert (rows + columns > 32).all()
    assert check.polarity.shares is None  # the mean was never measured: nothing says the sign


def test_the_passes_of_the_projector_are_told_from_pairs_one_after_the_other(tmp_path):
    """The readings of both passes, made again from their published difference."""
    y = np.nan_to_num(np.load(acquisition("pots_hadamard"))["y_deg15"], nan=60.0).ravel()
    noise = np.random.default_rng(0).normal(0, 0.02, 8192)
    np.save(tmp_path / "passes.npy", np.concatenate([30 + y / 2, 30 - y / 2]) + noise)
    camera = Camera(
        "hadamard:order=sequency-columns", (64, 64), Detector(pairs="interleaved"),
        file="passes.npy", folder=tmp_path,
    )  # fmt: skip
    check = checked(camera)
    assert check.fixed.detector.pairs == "halves"
    assert check.fixed.detector.lag == 0
    assert check.written_share < 0.5 < check.ways.best.share


def test_the_sign_of_the_wavelets_is_found():
    text = "wavelet:kind=haar,levels=4,finest=2,layout=nested,sign={}"
    camera = Camera(
        text.format(-1), (128, 128), Detector(pairs="differenced"),
        file=str(acquisition("spirit_jaszczak_haar")), key="y",
    )  # fmt: skip
    check = checked(camera)
    assert check.fixed.operator == text.format(1)
    assert check.polarity.sign == 1
    assert "operator" in changed(check)


@pytest.mark.parametrize(("row", "roi"), [(32, 257), (3, 25)])
def test_the_clipped_mean_of_the_hologram_is_found(row, roi):
    camera = Camera(
        "hadamard:order=natural", (32, 32), Detector(pairs="differenced"),
        file=str(acquisition("hologram_car_boat")), key="y", row=row,
    )  # fmt: skip
    assert camera.read().values[0] == 255 * roi
    check = checked(camera)
    symptom = next(symptom for symptom in check.symptoms if symptom.kind == "full-scale")
    assert symptom.readings == (0,)
    assert "all 33 rows" in symptom.text
    assert check.fixed.detector.leave_out == (0,)
    assert changed(check) == {"leave_out"}
    assert check.share > 0.8


def test_an_order_that_is_wrong_for_the_hologram_is_found():
    camera = Camera(
        "hadamard:order=sequency", (32, 32), Detector(pairs="differenced"),
        file=str(acquisition("hologram_car_boat")), key="y", row=32,
    )  # fmt: skip
    check = checked(camera)
    assert check.fixed.operator == "hadamard:order=natural"
