"""Phase retrieval is judged up to its sign."""

import numpy as np

from bitprior_train.phase_metrics import sign_resolved, success_rate


def test_a_negative_image_is_turned_and_others_are_kept() -> None:
    truth = np.random.default_rng(0).random((3, 1, 4, 4), dtype=np.float32)
    found = truth * np.array([1, -1, 0.5], np.float32).reshape(3, 1, 1, 1)
    resolved = sign_resolved(found, truth)
    np.testing.assert_array_equal(resolved[:2], truth[:2])
    np.testing.assert_array_equal(resolved[2], found[2])


def test_the_success_rate_counts_images_from_a_psnr_on() -> None:
    truth = np.full((4, 1, 2, 2), 0.5, np.float32)
    errors = np.array([0.0, 0.01, 0.1, 0.2], np.float32).reshape(4, 1, 1, 1)
    assert success_rate(truth + errors, truth) == 0.5  # infinite, 40, 20, 14 dB
    assert success_rate(-(truth + errors), truth) == 0.5
    assert success_rate(truth + errors, truth, decibels=15) == 0.75
