"""Frames in the geometry of a prior: the middle, by area, gray or RGB."""

import numpy as np
import pytest

from bitprior_devices.cameras.fitting import check_geometry, fit_frames
from bitprior_runtime.errors import UsageError


def test_the_middle_is_resized_by_the_mean_of_each_area():
    frames = np.random.default_rng(0).integers(0, 256, (2, 8, 14, 3), np.uint8)
    found = fit_frames(frames, (3, 4, 4))
    middle = frames[:, :, 3:11].astype(float)
    means = middle.reshape(2, 4, 2, 4, 2, 3).mean(axis=(2, 4)).transpose(0, 3, 1, 2)
    assert (found.shape, found.dtype) == ((2, 3, 4, 4), np.float32)
    assert np.abs(found * 255 - means).max() <= 0.51  # bytes in between


def test_gray_is_the_luma_of_rgb():
    frames = np.zeros((1, 4, 4, 3), np.uint8)
    frames[..., 0], frames[..., 1], frames[..., 2] = 200, 100, 50
    found = fit_frames(frames, (1, 2, 2))
    assert found.shape == (1, 1, 2, 2)
    luma = 0.299 * 200 + 0.587 * 100 + 0.114 * 50
    assert np.abs(found * 255 - luma).max() <= 0.51


@pytest.mark.parametrize("size", [(4, 4), (1, 1), (3, 9)])
def test_a_frame_smaller_than_the_prior_is_enlarged(size):
    frames = np.full((1, *size, 3), 77, np.uint8)
    assert np.allclose(fit_frames(frames, (3, 16, 16)), 77 / 255)


def test_priors_of_other_channels_are_refused():
    check_geometry((1, 8, 8))
    check_geometry((3, 8, 8))
    with pytest.raises(UsageError, match="2 channels"):
        check_geometry((2, 8, 8))
