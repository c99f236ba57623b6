"""Shrinking by area averaging."""

import numpy as np
import pytest

from bitprior_runtime.errors import UsageError
from bitprior_train.data.resize import shrink

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 3, 96, 96), dtype=np.uint8)


def test_a_third_of_the_size_is_the_mean_of_three_by_three_blocks() -> None:
    means = IMAGES.reshape(5, 3, 32, 3, 32, 3).mean((3, 5))
    np.testing.assert_array_equal(shrink(IMAGES, 32, "noise"), np.rint(means).astype(np.uint8))


@pytest.mark.parametrize("size", [64, 33, 28, 1])
def test_any_size_is_the_mean_of_blocks_of_a_common_multiple(size: int) -> None:
    image = IMAGES[:1, :1]
    enlarged = image.repeat(size, 2).repeat(size, 3)  # every new pixel is 96 x 96 of these
    means = enlarged.reshape(1, 1, size, 96, size, 96).mean((3, 5))
    small = shrink(image, size, "noise")
    assert small.shape == (1, 1, size, size)
    assert np.abs(small - means).max() <= 0.5 + 1e-9


def test_one_colour_stays_that_colour() -> None:
    for level in (0, 1, 254, 255):
        flat = np.full((1, 1, 28, 28), level, np.uint8)
        assert (shrink(flat, 11, "flat") == level).all()


def test_batches_are_joined_in_order() -> None:
    levels = np.arange(2500) % 251
    flat = np.broadcast_to(levels[:, None, None, None], (2500, 1, 4, 4)).astype(np.uint8)
    np.testing.assert_array_equal(shrink(flat, 2, "flat")[:, 0, 1, 1], levels)


@pytest.mark.parametrize("size", [0, 96])
def test_the_stored_size_leaves_the_images_as_they_are(size: int) -> None:
    assert shrink(IMAGES, size, "noise") is IMAGES


def test_images_of_other_shapes_than_squares_stay_as_they_are_unless_asked() -> None:
    oblong = IMAGES[:, :, :, :50]
    assert shrink(oblong, 0, "noise") is oblong
    with pytest.raises(UsageError, match=r"at least 32 x 32 .* found 96 x 50"):
        shrink(oblong, 32, "noise")


def test_images_are_not_enlarged() -> None:
    with pytest.raises(
        UsageError, match=r"128 x 128 pixels in noise; found 96 x 96.*lower data\.size"
    ):
        shrink(IMAGES, 128, "noise")
