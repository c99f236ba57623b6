"""What a detector does to readings is undone, and what is left out is counted."""

import numpy as np
import pytest

from bitprior_runtime.camera import Detector
from bitprior_runtime.errors import UsageError

Y = np.array([5.0, -3.0, 2.0, 7.0, -1.0, 4.0])


def test_readings_of_a_plain_detector_are_kept_as_they_are():
    corrected = Detector().corrected(Y, 6)
    assert np.array_equal(corrected.y, Y)
    assert np.array_equal(corrected.used, np.arange(6))
    assert corrected.left_out == {}
    assert corrected.patterns_without == 0
    assert corrected.sigma is None


@pytest.mark.parametrize("lag", [-3, -1, 0, 1, 4])
def test_a_lag_moves_readings_to_their_patterns(lag):
    raw = np.arange(20.0)
    corrected = Detector(lag=lag).corrected(raw, 20)
    assert np.array_equal(corrected.y, corrected.used + lag)
    assert len(corrected.y) == 20 - abs(lag)
    assert corrected.patterns_without == abs(lag)


def test_a_reading_too_many_at_the_start_is_counted():
    corrected = Detector(lag=1).corrected(np.concatenate([[99.0], Y]), 6)
    assert np.array_equal(corrected.y, Y)
    assert corrected.left_out == {"without a pattern": 1}
    assert "1 without a pattern" in str(corrected)


@pytest.mark.parametrize("pairs", ["interleaved", "halves"])
def test_pairs_are_subtracted_and_their_common_level_is_gone(pairs):
    parts = np.stack([100 + Y / 2, 100 - Y / 2])
    raw = parts.T.ravel() if pairs == "interleaved" else parts.ravel()
    corrected = Detector(pairs=pairs, dark=90.0).corrected(raw, 6)
    np.testing.assert_allclose(corrected.y, Y)


def test_a_pair_of_which_one_is_missing_is_not_used():
    raw = np.stack([100 + Y / 2, 100 - Y / 2]).T.ravel()
    raw[5] = np.nan
    corrected = Detector(pairs="interleaved").corrected(raw, 6)
    assert np.array_equal(corrected.used, [0, 1, 3, 4, 5])
    assert corrected.left_out == {"missing (NaN or infinite)": 1}
    assert corrected.patterns_without == 1


def test_gain_offset_dark_and_polarity_are_undone():
    raw = 7.0 + 3.0 - 2.5 * Y  # dark 7, offset 3, gain 2.5, negative polarity
    detector = Detector(dark=7.0, offset=3.0, gain=2.5, polarity=-1)
    np.testing.assert_allclose(detector.corrected(raw, 6).y, Y)


def test_saturated_and_listed_readings_are_left_out_and_counted():
    detector = Detector(saturation=7.0, leave_out=(1, 2, 50))
    corrected = detector.corrected(Y, 6)
    assert np.array_equal(corrected.used, [0, 4, 5])
    assert corrected.left_out == {"listed in leave_out": 2, "saturated": 1}


def test_the_readings_that_came_are_never_changed():
    raw = np.concatenate([Y, [np.nan, 1e9]])
    kept = raw.copy()
    detector = Detector(dark=1.0, drift="polynomial", outliers="trimmed", saturation=1e8, lag=1)
    detector.corrected(raw, 6)
    assert np.array_equal(raw, kept, equal_nan=True)


@pytest.mark.parametrize("drift", ["polynomial", "median"])
def test_slow_drift_is_taken_off_and_the_level_stays(drift):
    rng = np.random.default_rng(1)
    signal = rng.normal(0, 0.1, 2000)
    time = np.linspace(-1, 1, 2000)
    raw = 5 + signal + 0.8 * time + 0.4 * time**2
    detector = Detector(drift=drift, drift_order=2)
    y = detector.corrected(raw, 2000).y
    assert np.std(y - 5 - signal) < 0.05 < np.std(raw - 5 - signal)
    assert abs(np.median(y) - np.median(raw)) < 0.05


def test_trimmed_outliers_are_those_far_from_the_running_median():
    rng = np.random.default_rng(2)
    raw = rng.normal(10, 1, 500) + np.linspace(0, 30, 500)
    raw[[40, 300]] += (15, -20)
    corrected = Detector(outliers="trimmed", drift_window=51).corrected(raw, 500)
    assert corrected.left_out == {"outliers": 2}
    assert not {40, 300} & set(corrected.used.tolist())


def test_huber_keeps_outliers_with_less_weight():
    detector = Detector(outliers="huber", outlier_limit=3.0)
    weights = detector.weights(np.array([0.5, 3.0, -12.0]), 2.0)
    np.testing.assert_allclose(weights, [0.25, 0.25, 0.25 * 0.5])
    np.testing.assert_allclose(Detector().weights(np.array([1.0, 100.0]), 0.5), [4.0, 4.0])


def test_the_variance_of_photons_follows_the_light():
    rng = np.random.default_rng(3)
    light = np.array([4.0, 40.0, 400.0])
    counts = rng.poisson(light * 10, (4000, 3)) / 10.0
    sigma = Detector(noise="poisson", photons=10.0, dark=0.0).corrected(light, 3).sigma
    np.testing.assert_allclose(sigma, counts.std(axis=0), rtol=0.05)


def test_both_readings_of_a_pair_bring_their_noise():
    raw = np.stack([100 + Y / 2, 100 - Y / 2]).ravel()
    one = Detector(pairs="halves", noise="gaussian", noise_sigma=0.3).corrected(raw, 6)
    np.testing.assert_allclose(one.sigma, 0.3 * np.sqrt(2))
    both = Detector(pairs="halves", noise="poisson-gauss", noise_sigma=0.3, photons=4.0)
    np.testing.assert_allclose(both.corrected(raw, 6).sigma, np.sqrt(2 * 0.09 + 200 / 4.0))


@pytest.mark.parametrize(
    "keys",
    [
        {"pairs": "both"},
        {"lag": 9},
        {"lag": 1.5},
        {"lag": True},
        {"polarity": 0},
        {"gain": 0},
        {"gain": float("nan")},
        {"dark": "low"},
        {"drift": "linear"},
        {"drift_window": 100},
        {"drift_order": 0},
        {"noise": "gaussian"},
        {"noise": "poisson"},
        {"noise_sigma": -1.0},
        {"leave_out": (-1,)},
        {"outliers": "all"},
        {"outlier_limit": 0},
    ],
)
def test_a_detector_that_cannot_be_is_one_line(keys):
    with pytest.raises(UsageError) as error:
        Detector(**keys)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("readings", "words"),
    [
        (np.zeros(3, complex), "complex"),
        (np.array(["a"]), "dtype"),
        (np.zeros((2, 3)), "one row"),
        (np.zeros(0), "one row"),
        (np.full(6, np.nan), "none of 6"),
    ],
)
def test_readings_that_cannot_be_used_are_one_line(readings, words):
    with pytest.raises(UsageError, match=words):
        Detector().corrected(readings, 6)
