"""Repeated images never straddle the parts."""

from pathlib import Path

import numpy as np
import pytest

from bitprior_train.data import load_dataset
from bitprior_train.data.duplicates import drop_repeated

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 1, 4, 4), dtype=np.uint8)


def test_distinct_images_are_left_as_they_are() -> None:
    train, dropped = drop_repeated(IMAGES[:30], IMAGES[30:])
    assert np.array_equal(train, IMAGES[:30])
    assert dropped == 0


def test_training_images_of_the_test_part_or_seen_before_are_dropped_and_counted() -> None:
    repeated = np.concatenate([IMAGES[:3], IMAGES[31:33], IMAGES[1:2], IMAGES[3:5]])
    train, dropped = drop_repeated(repeated, IMAGES[30:])
    assert np.array_equal(train, IMAGES[:5])
    assert dropped == 3


def test_one_level_in_one_pixel_makes_another_image() -> None:
    other = IMAGES[:1].copy()
    other[0, 0, 3, 3] ^= 1
    assert drop_repeated(other, IMAGES)[1] == 0


def test_images_that_are_alike_once_shrunk_are_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (10, 2, 2, 3), dtype=np.uint8)
    large = pixels.repeat(4, 1).repeat(4, 2)
    test = large[:1].copy()
    test[0, 0, 0] += 1  # lost in the mean of 16 pixels
    np.savez(tmp_path / "svhn.npz", train_x=large, test_x=test)
    monkeypatch.setenv("BITPRIOR_DATA", str(tmp_path))
    assert load_dataset("svhn", 0, 2).dropped == 0
    data = load_dataset("svhn", 0, 2, size=2)
    assert data.dropped == 1
    assert len(data.train) + len(data.validation) == 9
