"""Smaller images by area averaging."""

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError

METHOD = "area averaging"
_ROWS = 1000  # images at a time, to bound the memory of the float copies


def shrink(images: NDArray[np.uint8], size: int, name: str) -> NDArray[np.uint8]:
    """Shrink square images to ``size`` x ``size`` pixels.

    A pixel becomes the mean of the area it covers, ``W x Wᵀ`` with ``W[i, j]`` the share of old
    pixel j in new pixel i, rounded once. 96 pixels to 32 is the mean of each 3 x 3 block.

    Args:
        images: uint8 [N, C, H, H].
        size: Pixels a side afterwards; 0 leaves the images as they are.
        name: Data set, for the error.

    Raises:
        UsageError: The images are not square, or smaller than ``size``.
    """
    height, width = images.shape[2:]
    if size in (0, height) and size in (0, width):
        return images
    if height != width or size > height:
        raise UsageError(
            f"square images of at least {size} x {size} pixels in {name}",
            f"{height} x {width}",
            "images are not enlarged: lower data.size, or choose another data set",
        )
    weights = _shares(height, size)
    small = np.empty((*images.shape[:2], size, size), np.uint8)
    for start in range(0, len(images), _ROWS):
        batch = images[start : start + _ROWS].astype(np.float64)
        small[start : start + _ROWS] = np.rint(weights @ batch @ weights.T)
    return small


def _shares(old: int, new: int) -> NDArray[np.float64]:
    """Return W [new, old]; each row sums to 1."""
    edges = np.arange(new + 1) * (old / new)
    pixels = np.arange(old)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    shares: NDArray[np.float64] = np.maximum(overlap, 0) * (new / old)
    return shares
