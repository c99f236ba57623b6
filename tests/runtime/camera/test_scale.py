"""Gain, offset and noise between A x and the readings."""

import numpy as np
import pytest

from bitprior_runtime.camera import Detector
from bitprior_runtime.camera.evidence import kernel_of
from bitprior_runtime.camera.scale import fit_gain_offset, gain_by_likelihood
from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing import parse_operator
from bitprior_runtime.sensing.patterns import Patterns
from builders.detectors import covariance, measured, scene

rng = np.random.default_rng(5)
P = rng.normal(3, 2, 200)
W = rng.uniform(0.1, 2, 200)


def test_gain_and_offset_are_those_of_weighted_least_squares():
    y = -1.7 * P + 0.4 + rng.normal(0, 1, 200)
    columns = np.stack([P, np.ones(200)], axis=1) * np.sqrt(W)[:, None]
    expected = np.linalg.lstsq(columns, y * np.sqrt(W), rcond=None)[0]
    np.testing.assert_allclose(fit_gain_offset(y, P, W, "free"), expected, rtol=1e-10)


def test_a_gain_of_fixed_sign_is_never_negative():
    gain, offset = fit_gain_offset(-P, P, W)
    assert gain == 0
    assert offset == pytest.approx(-np.average(P, weights=W))


def test_without_an_offset_the_gain_is_a_ratio():
    gain, offset = fit_gain_offset(4 * P, P, None, "fixed", offset=False)
    assert (gain, offset) == (pytest.approx(4), 0.0)


def test_a_flat_prediction_has_no_gain():
    assert fit_gain_offset(P, np.full(200, 1e5))[0] == 0


def test_arrays_of_different_lengths_are_one_line():
    with pytest.raises(UsageError, match="one of each"):
        fit_gain_offset(P, P[:-1])


@pytest.mark.parametrize("m", [60, 256])
def test_gain_offset_and_noise_are_found_before_there_is_a_picture(m):
    """With far fewer readings than pixels, too; the scene is one of the prior's own."""
    bits = np.random.default_rng(0).integers(0, 2, (m, 256))
    operator = Patterns(bits, (16, 16))
    gains, levels = [], []
    for seed in range(8):
        signal = measured(operator, scene(16, 16, seed))
        raw = 40 + 2.5 * signal + np.random.default_rng(seed).normal(0, 3.0, m)
        corrected = Detector().corrected(raw, m)
        found = gain_by_likelihood(operator, corrected, covariance(), Detector())
        gains.append(found.gain)
        levels.append(found.offset)
        assert found.sigma < 10
        if m == 256:
            assert 0.4 < found.sigma / 3.0 < 2.0
    assert 0.8 < np.median(gains) / 2.5 < 1.25


def test_a_gain_of_free_sign_has_the_sign_of_the_light():
    operator = Patterns(np.random.default_rng(0).integers(0, 2, (200, 256)), (16, 16))
    raw = 40 - 2.5 * measured(operator, scene(16, 16, 1))
    free = Detector(gain_sign="free")
    found = gain_by_likelihood(operator, free.corrected(raw, 200), covariance(), free)
    assert found.gain < 0
    fixed = gain_by_likelihood(operator, free.corrected(raw, 200), covariance(), Detector())
    assert fixed.gain > 0


def test_a_known_gain_is_kept():
    operator = parse_operator("hadamard:order=sequency", (16, 16))
    raw = 2.5 * measured(operator, scene(16, 16, 2))
    detector = Detector(gain=2.5, offset=0.0)
    found = gain_by_likelihood(operator, detector.corrected(raw, 256), covariance(), detector)
    assert (found.gain, found.offset) == (1.0, 0.0)


def test_the_kernel_is_a_c_a_transposed():
    operator = parse_operator("hadamard:order=cake-cutting", (8, 8))
    which = np.array([0, 3, 5, 40])
    rows = operator.adjoint(np.eye(64, dtype=np.float32)).reshape(64, -1).astype(float)[which]
    kernel = kernel_of(operator, which, covariance())
    np.testing.assert_allclose(
        kernel.matrix, rows @ covariance().between(8, 8) @ rows.T, rtol=1e-4, atol=1e-3
    )
    np.testing.assert_allclose(kernel.flat, rows.sum(axis=1), atol=1e-4)


def test_leaving_one_out_in_closed_form_is_leaving_it_out():
    operator = Patterns(np.random.default_rng(3).integers(0, 2, (40, 64)), (8, 8))
    y = 5 + measured(operator, scene(8, 8)) + np.random.default_rng(4).normal(0, 0.2, 40)
    kernel = kernel_of(operator, np.arange(40), covariance())
    found = kernel.explained(y, offset=True)
    v = kernel.raised + found.ratio * np.eye(40)
    x = np.ones((40, 1))
    for i in (0, 17, 39):
        rest = np.delete(np.arange(40), i)
        inverse = np.linalg.inv(v[np.ix_(rest, rest)])
        beta = np.linalg.solve(x[rest].T @ inverse @ x[rest], x[rest].T @ inverse @ y[rest])
        predicted = x[i] @ beta + v[i, rest] @ inverse @ (y[rest] - x[rest] @ beta)
        assert found.left_out[i] == pytest.approx(y[i] - predicted, rel=1e-4, abs=1e-6)


def test_noise_explains_nothing_and_signal_almost_all():
    operator = Patterns(np.random.default_rng(3).integers(0, 2, (150, 256)), (16, 16))
    kernel = kernel_of(operator, np.arange(150), covariance())
    noise = np.random.default_rng(9).normal(0, 1, 150)
    assert kernel.explained(noise, offset=True).share < 0.05
    signal = measured(operator, scene(16, 16, 3))
    assert kernel.explained(signal, offset=True).share > 0.8
    for y in (noise, signal):
        exact = kernel.explained(y, offset=True).evidence
        assert exact - 8 < kernel.roughly(y, offset=True) <= exact + 1e-6
