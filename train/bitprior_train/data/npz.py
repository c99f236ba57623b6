"""Image archives in the folder named by BITPRIOR_DATA."""

import os
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import MissingFileError

VARIABLE = "BITPRIOR_DATA"
LAYOUT = "uint8 arrays train_x and test_x, [N, H, W] or [N, H, W, C], in a NumPy archive"
LICENCES = {
    "mnist": "MNIST, Y. LeCun, C. Cortes, C. Burges; commonly stated as CC BY-SA 3.0",
    "cifar10": "CIFAR-10, A. Krizhevsky, 2009; no explicit licence, used for research",
    "svhn": "SVHN, Y. Netzer et al., 2011; non-commercial use only",
}


def archive_path(name: str) -> Path:
    """Return where the archive of a data set is expected to be.

    Raises:
        MissingFileError: BITPRIOR_DATA is not set.
    """
    folder = os.environ.get(VARIABLE)
    if not folder:
        raise MissingFileError(
            f"the folder of image archives in the environment variable {VARIABLE}",
            "it is not set",
            f"run: export {VARIABLE}=FOLDER, where FOLDER holds {name}.npz ({LAYOUT})",
        )
    return Path(folder) / f"{name}.npz"


def read_npz(name: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read the training and test images of ``name``, uint8 [N, C, H, W].

    Raises:
        MissingFileError: No such archive, or not with the expected arrays.
    """
    path = archive_path(name)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            train, test = archive["train_x"], archive["test_x"]
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise MissingFileError(
            f"{path} with {LAYOUT}",
            f"{type(error).__name__}: {error}",
            f"put the archive there, or set {VARIABLE} to the folder that holds it",
        ) from error
    for array in (train, test):
        if array.dtype != np.uint8 or array.ndim not in (3, 4) or not len(array):
            raise MissingFileError(
                f"{path} with {LAYOUT}",
                f"{array.dtype} {list(array.shape)}",
                "write the archive in that layout",
            )
    return _channels_first(train), _channels_first(test)


def _channels_first(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    images = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(images)
