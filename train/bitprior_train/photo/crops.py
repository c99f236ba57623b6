"""Crops of photos at several scales, turned and flipped."""

import cv2
import numpy as np
from numpy.typing import NDArray

from bitprior_train.photo.photos import Photos, PhotoSets, load_photos

__all__ = ["Crops", "PhotoSets", "load_photos"]

# Shares of the sizes as stored, and how often each is drawn.
_SCALES = ((1.0, 0.7), (0.8, 0.15), (0.62, 0.15))
# How often a crop comes from the main set where others are there and large enough.
_MAIN = 0.75


class Crops:
    """Draws crops; a draw is a function of the random generator alone.

    Args:
        sets: Photos to draw from.
    """

    def __init__(self, sets: PhotoSets) -> None:
        self._main = [(_scaled(sets.main, scale), share) for scale, share in _SCALES]
        self._others = sets.others

    def draw(
        self, random: np.random.Generator, count: int, height: int, width: int
    ) -> NDArray[np.float32]:
        """Return crops [count,1,height,width] in [0,1]."""
        out = np.empty((count, 1, height, width), np.float32)
        for index in range(count):
            out[index, 0] = self._one(random, height, width)
        return out

    def _one(self, random: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
        longest = max(height, width)
        fitting = [photos for photos in self._others if min(photos.shape[1:]) >= longest]
        if fitting and random.random() > _MAIN:
            photos = fitting[random.integers(len(fitting))]
        else:
            large = [(p, s) for p, s in self._main if min(p.shape[1:]) >= longest]
            shares = np.array([share for _, share in large])
            photos = large[random.choice(len(large), p=shares / shares.sum())][0]
        photo = photos[random.integers(len(photos))]
        if random.random() < 0.5:
            photo = photo.T
        top = random.integers(photo.shape[0] - height + 1)
        left = random.integers(photo.shape[1] - width + 1)
        crop = photo[top : top + height, left : left + width]
        crop = crop[:: random.choice([-1, 1]), :: random.choice([-1, 1])]
        return np.asarray(crop.astype(np.float32) / 255)


def _scaled(photos: Photos, scale: float) -> Photos:
    if scale == 1:
        return photos
    size = round(photos.shape[1] * scale)
    return np.stack([cv2.resize(p, (size, size), interpolation=cv2.INTER_AREA) for p in photos])
