"""camera check finds what is wrong with a camera file, on simulated detectors."""

import json

import numpy as np
import pytest

from bitprior_runtime.camera import Camera, Detector, read_camera, write_camera
from bitprior_runtime.camera.check import check_camera
from bitprior_runtime.camera.readings import Readings
from bitprior_runtime.cli.main import run
from bitprior_runtime.errors import UsageError
from builders.detectors import covariance, measured, scene

SIDE = 16
NOISE = 0.05


@pytest.fixture(scope="module")
def random_camera(tmp_path_factory):
    """Return a camera of 240 random patterns, fewer than pixels."""
    folder = tmp_path_factory.mktemp("random")
    bits = np.random.default_rng(7).integers(0, 2, (240, SIDE * SIDE), dtype=np.uint8)
    np.savez(folder / "patterns.npz", packed=np.packbits(bits, axis=1))
    return Camera("patterns:patterns.npz#packed,packed=01", (SIDE, SIDE), folder=folder)


@pytest.fixture(scope="module")
def signal(random_camera):
    return measured(random_camera.build(), scene(SIDE, SIDE, 4))


def readings(values, table=None):
    return Readings(np.asarray(values, np.float64), table, "simulated")


def checked(camera, values, **detector):
    camera = Camera(camera.operator, camera.frame, Detector(**detector), folder=camera.folder)
    return check_camera(camera, readings(values), covariance())


def noisy(values, seed=0, level=NOISE):
    return values + np.random.default_rng(seed).normal(0, level, len(values))


def changed(check):
    return {advice.key for advice in check.advice if advice.key}


def test_a_right_file_has_nothing_to_change(random_camera, signal):
    check = checked(random_camera, noisy(40 + 2 * signal))
    assert not changed(check), [a.text for a in check.advice]
    assert check.best_as_written
    assert check.written_share > 0.8
    assert check.polarity.sign == 1
    assert check.fixed.detector == Detector()


@pytest.mark.parametrize("lag", [-3, 1, 8])
def test_a_lag_is_found(random_camera, signal, lag):
    first = np.random.default_rng(1).normal(60, 5, max(lag, 0))
    values = np.concatenate([first, noisy(40 + 2 * signal)])[max(-lag, 0) :]
    check = checked(random_camera, values)
    assert check.fixed.detector.lag == lag
    assert changed(check) == {"lag"}
    assert check.written_share < 0.1 < 0.7 < check.share


def test_a_negative_polarity_is_found_together_with_a_lag(random_camera, signal):
    values = np.concatenate([[3.0], noisy(400 - 2 * signal)])
    check = checked(random_camera, values)
    assert (check.fixed.detector.polarity, check.fixed.detector.lag) == (-1, 1)
    again = check_camera(check.fixed, readings(values), covariance())
    assert again.best_as_written
    assert again.scale.gain == pytest.approx(2, rel=0.5)


def test_drift_is_found_and_its_removal_explains_more(random_camera, signal):
    values = noisy(40 + 2 * signal) + np.linspace(0, 60, len(signal))
    check = checked(random_camera, values)
    assert check.fixed.detector.drift == "polynomial"
    assert "drift" in changed(check)


def test_saturated_missing_and_repeated_readings_are_named(random_camera, signal):
    values = noisy(40 + 2 * signal)
    top = np.sort(values)[-8]
    values = np.minimum(values, top)
    values[100], values[150] = np.nan, values[149]
    check = checked(random_camera, values)
    kinds = {symptom.kind: symptom for symptom in check.symptoms}
    assert set(kinds) == {"saturated", "missing", "repeated"}
    assert len(kinds["saturated"].readings) == 8
    assert kinds["missing"].readings == (100,)
    assert kinds["repeated"].readings == (150,)
    assert check.fixed.detector.saturation == top
    assert check.corrected.left_out == {"saturated": 8, "missing (NaN or infinite)": 1}


def test_a_reading_that_others_contradict_is_left_out(random_camera, signal):
    values = noisy(40 + 2 * signal)
    values[77] += 40 * np.std(values)
    check = checked(random_camera, values)
    assert check.outlying.patterns == (77,)
    assert check.fixed.detector.leave_out == (77,)


def test_patterns_of_another_camera_explain_nothing(random_camera, signal):
    other = np.random.default_rng(8).integers(0, 2, (240, SIDE * SIDE))
    values = 40 + 2 * (other @ scene(SIDE, SIDE, 4).ravel())
    check = checked(random_camera, noisy(values))
    assert not check.explains
    assert not check.best_as_written
    assert "explain nothing" in check.advice[-1].text
    assert check.fixed is check.camera


def test_another_shape_of_the_frame_is_found(tmp_path):
    bits = np.random.default_rng(3).integers(0, 2, (400, 192))
    np.save(tmp_path / "patterns.npy", bits)
    values = 10 + bits @ scene(12, 16, 1).ravel()
    camera = Camera("patterns:patterns.npy", (8, 24), folder=tmp_path)
    check = check_camera(camera, readings(noisy(values)), covariance())
    assert check.fixed.frame in ((12, 16), (16, 12))
    assert changed(check) == {"frame"}


@pytest.mark.parametrize("true", ["interleaved", "halves"])
@pytest.mark.parametrize("written", ["interleaved", "halves"])
def test_the_order_of_pairs_is_found(true, written):
    operator = Camera("hadamard:order=sequency", (SIDE, SIDE)).build()
    half = measured(operator, scene(SIDE, SIDE, 2)) / 2
    parts = np.stack([90 + half, 90 - half])
    values = noisy(parts.T.ravel() if true == "interleaved" else parts.ravel(), level=0.02)
    values += np.linspace(0, 0.5, len(values))
    check = checked(Camera("hadamard:order=sequency", (SIDE, SIDE)), values, pairs=written)
    assert check.fixed.detector.pairs == true
    # Half a sequence apart, the readings of a pair differ by the drift; one after the other not.
    drift = {"drift"} if true == "halves" else set()
    assert changed(check) == drift | (set() if true == written else {"pairs"})


@pytest.mark.parametrize("true", ["natural", "dyadic", "cake-cutting"])
def test_the_order_of_hadamard_patterns_is_found(true):
    operator = Camera(f"hadamard:order={true}", (SIDE, SIDE)).build()
    values = noisy(3 * measured(operator, scene(SIDE, SIDE, 5)), level=0.2)
    check = checked(Camera("hadamard:order=sequency", (SIDE, SIDE)), values, pairs="differenced")
    assert check.fixed.operator == f"hadamard:order={true}"
    assert check.polarity.sign == 1


@pytest.mark.parametrize("true", [1, -1])
def test_the_sign_of_wavelet_details_is_found(true):
    text = "wavelet:kind=haar,levels=2,sign={}"
    operator = Camera(text.format(true), (SIDE, SIDE)).build()
    values = noisy(100 * measured(operator, scene(SIDE, SIDE, 6)), level=0.5)
    camera = Camera(text.format(-true), (SIDE, SIDE))
    check = checked(camera, values, pairs="differenced")
    assert check.fixed.operator == text.format(true)
    assert changed(check) == {"operator"}


def test_readings_that_were_never_taken_and_those_of_the_start_are_left_out():
    operator = Camera("hadamard:order=sequency-rows", (SIDE, SIDE)).build()
    values = noisy(3 * measured(operator, scene(SIDE, SIDE, 5)), level=0.02)
    values[-2:] = 0
    values[[14, 15]] = (25.0, -40.0)
    camera = Camera("hadamard:order=sequency-rows", (SIDE, SIDE))
    check = checked(camera, values, pairs="differenced")
    assert check.outlying.start == (14, 15)
    assert {14, 15, 254, 255} <= set(check.fixed.detector.leave_out)


def test_a_reading_at_full_scale_is_left_out_and_one_in_every_row_is_certain():
    operator = Camera("hadamard:order=natural", (SIDE, SIDE)).build()
    values = np.rint(measured(operator, scene(SIDE, SIDE, 5)) * 50)
    rows = np.stack([values, 2 * values, 3 * values])
    rows[:, 0] = (255 * 9, 255 * 20, 255 * 31)
    camera = Camera("hadamard:order=natural", (SIDE, SIDE), Detector(pairs="differenced"))
    check = check_camera(camera, readings(rows[2], rows), covariance())
    assert [s.kind for s in check.symptoms] == ["full-scale"]
    assert "all 3 rows" in check.symptoms[0].text
    assert 0 in check.fixed.detector.leave_out


def test_counts_of_photons_are_explained_despite_their_noise(random_camera, signal):
    values = np.random.default_rng(2).poisson(20 * signal)
    check = checked(random_camera, values)
    assert check.explains
    assert check.fixed.detector.lag == 0
    assert check.polarity.sign == 1


def test_too_few_readings_are_one_line(random_camera):
    with pytest.raises(UsageError, match="at least 16"):
        checked(random_camera, np.arange(9.0))


def test_the_verb_prints_advice_and_writes_the_fixed_file(random_camera, signal, tmp_path, capsys):
    write_camera(tmp_path / "camera.toml", random_camera)
    values = np.concatenate([[3.0], noisy(400 - 2 * signal)])
    np.save(tmp_path / "readings.npy", values)
    before = (tmp_path / "readings.npy").read_bytes()
    words = ["camera", "check", str(tmp_path / "camera.toml"), str(tmp_path / "readings.npy")]
    fixed = str(tmp_path / "fixed.toml")
    assert run([*words, "--fix", fixed, "--strict"]) == 1
    out = capsys.readouterr().out
    assert "change: lag = 1" in out
    assert "change: polarity = -1" in out
    assert "left out: 1 without a pattern" in out
    assert read_camera(fixed).detector == Detector(lag=1, polarity=-1)
    assert (tmp_path / "readings.npy").read_bytes() == before
    assert run(["camera", "check", fixed, words[3], "--strict", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["best_as_written"]
    assert figures["share"] > 0.8
    assert run([*words]) == 0


def test_the_verb_writes_nothing_where_nothing_explains(random_camera, tmp_path, capsys):
    write_camera(tmp_path / "camera.toml", random_camera)
    np.save(tmp_path / "readings.npy", np.random.default_rng(5).normal(0, 1, 240))
    words = ["camera", "check", str(tmp_path / "camera.toml"), str(tmp_path / "readings.npy")]
    assert run([*words, "--fix", str(tmp_path / "fixed.toml"), "--strict"]) == 1
    assert "explain nothing" in capsys.readouterr().out
    assert not (tmp_path / "fixed.toml").exists()


def test_the_verb_says_in_one_line_what_is_missing(tmp_path, capsys):
    assert run(["camera", "check", str(tmp_path / "none.toml"), "y.npy"]) == 2
    (tmp_path / "camera.toml").write_text('operator = "hadamard:m=9"\nframe = "8x8"\n')
    assert run(["camera", "check", str(tmp_path / "camera.toml")]) == 2
    assert capsys.readouterr().err.count("\n") == 2
