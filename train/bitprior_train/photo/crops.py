"""Photos to train on: crops at several scales, turned and flipped; whole ones to validate on."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import MissingFileError

Photos = NDArray[np.uint8]

VALIDATION = 20
# Shares of the sizes as stored, and how often each is drawn.
_SCALES = ((1.0, 0.7), (0.8, 0.15), (0.62, 0.15))
# How often a crop comes from the main set where others are there and large enough.
_MAIN = 0.75
_LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True, eq=False)
class PhotoSets:
    """Gray photos.

    Attributes:
        main: Photos of train400, [N,180,180], those of validation left out.
        others: Further sets of smaller photos, each [N,H,W].
        validation: [VALIDATION,180,180], from the same set as ``main``.
        split_hash: SHA-256 of all of them.
        names: Names of the files they came from.
    """

    main: Photos
    others: tuple[Photos, ...]
    validation: Photos
    split_hash: str
    names: tuple[str, ...]


def load_photos(folder: Path) -> PhotoSets:
    """Read ``photos.npz`` and, where they are, ``imagenette96.npz`` and ``coco128.npz``.

    Only their ``train_x``: test photos are never read.

    Raises:
        MissingFileError: There is no photos.npz.
    """
    path = folder / "photos.npz"
    if not path.is_file():
        raise MissingFileError(f"photos at {path}", "none", "set BITPRIOR_DATA to their folder")
    with np.load(path) as file:
        photos = file["train_x"]
    order = np.random.default_rng(0).permutation(len(photos))
    validation, main = photos[np.sort(order[:VALIDATION])], photos[np.sort(order[VALIDATION:])]
    others, names = [], ["photos"]
    for name in ("imagenette96", "coco128"):
        other = folder / f"{name}.npz"
        if other.is_file():
            with np.load(other) as file:
                others.append(np.rint(file["train_x"] @ _LUMA).astype(np.uint8))
            names.append(name)
    digest = hashlib.sha256()
    for part in (main, validation, *others):
        digest.update(np.ascontiguousarray(part).tobytes())
    return PhotoSets(main, tuple(others), validation, digest.hexdigest(), tuple(names))


class Crops:
    """Draws crops; a draw is a function of the random generator alone."""

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
        return crop.astype(np.float32) / 255


def _scaled(photos: Photos, scale: float) -> Photos:
    if scale == 1:
        return photos
    size = int(round(photos.shape[1] * scale))
    return np.stack([cv2.resize(p, (size, size), interpolation=cv2.INTER_AREA) for p in photos])
