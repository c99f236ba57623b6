"""Image archives: from the folder named by BITPRIOR_DATA, else from the cache folder."""

import os
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import MissingFileError
from bitprior_train.data.cache import cached_archive
from bitprior_train.data.catalogue import SOURCES

VARIABLE = "BITPRIOR_DATA"
LAYOUT = "uint8 arrays train_x and test_x, [N, H, W] or [N, H, W, C], in a NumPy archive"


def archive_path(name: str) -> Path:
    """Return the archive of a data set: the user's own, else one made from the official files.

    Raises:
        MissingFileError: The user has none, and there is none to download.
        UnwritableOutputError: The cache folder cannot be written to.
    """
    folder = os.environ.get(VARIABLE)
    if folder and (Path(folder) / f"{name}.npz").exists():
        return Path(folder) / f"{name}.npz"
    put = f"set {VARIABLE} to a folder that holds {name}.npz ({LAYOUT})"
    if name not in SOURCES:
        found = f"none in {folder}" if folder else f"{VARIABLE} is not set"
        raise MissingFileError(f"an archive {name}.npz (it has no public download)", found, put)
    try:
        return cached_archive(name)
    except MissingFileError as error:
        raise MissingFileError(error.expected, error.found, f"{error.todo}; or {put}") from error


def read_more(name: str) -> NDArray[np.uint8]:
    """Read further training images, ``train_x`` of ``BITPRIOR_DATA/<name>.npz``, [N, C, H, W].

    Raises:
        MissingFileError: No such archive, or not with the expected array.
    """
    folder = os.environ.get(VARIABLE)
    path = Path(folder or ".") / f"{name}.npz"
    if not folder or not path.is_file():
        found = f"none in {folder}" if folder else f"{VARIABLE} is not set"
        raise MissingFileError(
            f"an archive {name}.npz of further training images",
            found,
            f"set {VARIABLE} to its folder, or leave {name} out of data.extra",
        )
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            images = archive["train_x"]
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise MissingFileError(
            f"{path} with a uint8 array train_x",
            f"{type(error).__name__}: {error}",
            f"replace it, or leave {name} out of data.extra",
        ) from error
    if images.dtype != np.uint8 or images.ndim not in (3, 4):
        raise MissingFileError(
            f"{path} with a uint8 array train_x, [N, H, W] or [N, H, W, C]",
            f"{images.dtype} {list(images.shape)}",
            "write the archive in that layout",
        )
    return _channels_first(images)


def read_npz(name: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read the training and test images of ``name``, uint8 [N, C, H, W]; N may be 0 in training.

    Raises:
        MissingFileError: No such archive, or not with the expected arrays.
        UnwritableOutputError: It has to be downloaded, and the cache folder cannot be written to.
    """
    path = archive_path(name)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            train, test = archive["train_x"], archive["test_x"]
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise MissingFileError(
            f"{path} with {LAYOUT}",
            f"{type(error).__name__}: {error}",
            f"replace it, or set {VARIABLE} to a folder that holds a whole one",
        ) from error
    fits = train.shape[1:] == test.shape[1:] and len(test) > 0
    if not fits or any(a.dtype != np.uint8 or a.ndim not in (3, 4) for a in (train, test)):
        raise MissingFileError(
            f"{path} with {LAYOUT}",
            " and ".join(f"{a.dtype} {list(a.shape)}" for a in (train, test)),
            "write the archive in that layout",
        )
    return _channels_first(train), _channels_first(test)


def _channels_first(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    images = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(images)
