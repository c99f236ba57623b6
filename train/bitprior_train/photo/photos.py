"""Photos to train on and to validate with, and what may be done with them."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import MissingFileError
from bitprior_train.data.npz import archive_path
from bitprior_train.photo.leaves import dead_leaves

Photos = NDArray[np.uint8]

VALIDATION = 20
_LUMA = np.array([0.299, 0.587, 0.114])
# Drawn photos: whole blocks of 33 pixels.
_LEAVES, _SIDE = 40, 132
LICENCES = {
    "photos": "Train400, 400 photos of BSDS500 (P. Arbelaez et al., 2011): non-commercial research",
    "imagenette96": "Imagenette (J. Howard): photos of ImageNet, non-commercial research and "
    "education",
    "coco128": "COCO 2017 (T.-Y. Lin et al., 2014): each photo under its Flickr owner's Creative "
    "Commons licence",
    "dead-leaves": "drawn by bitprior, free of any rights",
}


@dataclass(frozen=True, eq=False)
class PhotoSets:
    """Gray photos.

    Attributes:
        main: Photos of the main set, [N,H,W], those of validation left out.
        others: Further sets of smaller photos, each [N,H,W].
        validation: [VALIDATION,H,W], from the same set as ``main``.
        split_hash: SHA-256 of all of them.
        names: Names of the sets.
    """

    main: Photos
    others: tuple[Photos, ...]
    validation: Photos
    split_hash: str
    names: tuple[str, ...]

    @property
    def licence(self) -> str:
        """Licence notes of all sets."""
        return "; ".join(LICENCES[name] for name in self.names)


def open_photos(name: str) -> PhotoSets:
    """Return the photos of a configuration's ``data.name``.

    Raises:
        MissingFileError: There is no photos.npz where BITPRIOR_DATA says.
    """
    if name == "dead-leaves":
        return _split(dead_leaves(_LEAVES, _SIDE, 0), [], ["dead-leaves"])
    return load_photos(archive_path("photos").parent)


def load_photos(folder: Path) -> PhotoSets:
    """Read ``photos.npz`` and, where they are, ``imagenette96.npz`` and ``coco128.npz``.

    Only their ``train_x``: test photos are never read.

    Raises:
        MissingFileError: There is no photos.npz, or one of them is broken.
    """
    photos = _train_part(folder / "photos.npz")
    others, names = [], ["photos"]
    for name in ("imagenette96", "coco128"):
        path = folder / f"{name}.npz"
        if path.is_file():
            others.append(np.rint(_train_part(path) @ _LUMA).astype(np.uint8))
            names.append(name)
    return _split(photos, others, names)


def _train_part(path: Path) -> Photos:
    wanted = f"{path} with uint8 photos train_x"
    try:
        with np.load(path, allow_pickle=False) as file:
            found: Photos = file["train_x"]
    except (OSError, EOFError, KeyError, ValueError) as error:
        raise MissingFileError(
            wanted, f"{type(error).__name__}: {error}", "set BITPRIOR_DATA to a folder that has it"
        ) from error
    if found.dtype != np.uint8 or found.ndim not in (3, 4) or len(found) <= VALIDATION:
        raise MissingFileError(
            wanted, f"{found.dtype} {list(found.shape)}", "replace it by a whole one"
        )
    return found


def _split(photos: Photos, others: list[Photos], names: list[str]) -> PhotoSets:
    order = np.random.default_rng(0).permutation(len(photos))
    validation, main = photos[np.sort(order[:VALIDATION])], photos[np.sort(order[VALIDATION:])]
    digest = hashlib.sha256()
    for part in (main, validation, *others):
        digest.update(np.ascontiguousarray(part).tobytes())
    return PhotoSets(main, tuple(others), validation, digest.hexdigest(), tuple(names))
