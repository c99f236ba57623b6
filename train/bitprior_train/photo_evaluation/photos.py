"""The photos that priors are evaluated on: whole, gray, of several frames."""

import hashlib
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import MissingFileError
from bitprior_train.data.npz import VARIABLE

Photo = NDArray[np.float32]

VALIDATION = "photos-validation"
# Data set: what the names of its photos in photos.npz begin with.
_PREFIXES: Mapping[str, str] = {"set11": "set11_", "bsd68": "bsd68_"}
PHOTO_SETS = (*_PREFIXES, VALIDATION)


@dataclass(frozen=True, eq=False)
class PhotoSet:
    """Photos to recover.

    Attributes:
        name: Name of the set.
        part: What of it these are, for the reader of a table.
        names: Names of the photos.
        photos: Gray photos [H,W], float32 in [0,1]; their frames differ.
        digest: SHA-256 of all pixels.
    """

    name: str
    part: str
    names: Sequence[str]
    photos: Sequence[Photo]
    digest: str

    def first(self, count: int) -> "PhotoSet":
        """Return the first photos, all of them where there are no more."""
        if count >= len(self.photos):
            return self
        part = f"the first {count} of {self.part}"
        return photo_set(self.name, part, self.names[:count], self.photos[:count])


def photo_set(name: str, part: str, names: Sequence[str], photos: Sequence[Photo]) -> PhotoSet:
    """Put photos together, with their digest."""
    digest = hashlib.sha256()
    for photo in photos:
        digest.update(repr(photo.shape).encode() + np.ascontiguousarray(photo).tobytes())
    return PhotoSet(name, part, list(names), list(photos), digest.hexdigest())


def load_photo_set(name: str) -> PhotoSet:
    """Read one of :data:`PHOTO_SETS` out of ``photos.npz`` in the folder of ``BITPRIOR_DATA``.

    ``photos-validation`` are the photos of ``train_x`` that the training of a photo prior keeps
    back; the test sets are only there to be reported.

    Raises:
        MissingFileError: There is no such archive, or it holds no such photos.
    """
    folder = data_folder()
    if name == VALIDATION:
        from bitprior_train.photo.photos import load_photos

        kept = load_photos(folder).validation
        names = [f"validation{index:02}" for index in range(len(kept))]
        return photo_set(name, f"{len(kept)} photos kept back from training", names, _gray(kept))
    path, prefix = folder / "photos.npz", _PREFIXES[name]
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            keys = [key for key in archive.files if key.startswith(prefix)]
            photos = [archive[key] for key in keys]
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise MissingFileError(
            f"photos in {path}", f"{type(error).__name__}: {error}", f"set {VARIABLE} to its folder"
        ) from error
    if not photos or any(photo.dtype != np.uint8 or photo.ndim != 2 for photo in photos):
        raise MissingFileError(
            f"gray uint8 photos {prefix}NAME [H,W] in {path}", f"{len(photos)} of that name",
            "replace the archive",
        )  # fmt: skip
    names = [key.removeprefix(prefix) for key in keys]
    return photo_set(name, f"{len(photos)} photos", names, _gray(photos))


def data_folder() -> Path:
    """Return the folder of the user's image archives.

    Raises:
        MissingFileError: ``BITPRIOR_DATA`` is not set.
    """
    folder = os.environ.get(VARIABLE)
    if not folder:
        raise MissingFileError(
            "a folder with photos.npz", f"{VARIABLE} is not set", f"set {VARIABLE} to that folder"
        )
    return Path(folder)


def _gray(photos: Sequence[NDArray[np.uint8]] | NDArray[np.uint8]) -> list[Photo]:
    return [photo.astype(np.float32) / np.float32(255) for photo in photos]
