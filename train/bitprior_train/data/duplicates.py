"""Repeated images, which would be trained on and tested on at once."""

import hashlib

import numpy as np
from numpy.typing import NDArray


def drop_repeated(
    train: NDArray[np.uint8], test: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], int]:
    """Drop training images that are, pixel for pixel, in the test part or earlier in their own.

    The latter would straddle training and validation. The test part is left as it is.

    Args:
        train: uint8 [N, C, H, W].
        test: uint8 [M, C, H, W].

    Returns:
        The training images that are left, in order, and the number of those dropped.
    """
    seen = {_digest(image) for image in test}
    kept = []
    for index, image in enumerate(train):
        digest = _digest(image)
        if digest not in seen:
            seen.add(digest)
            kept.append(index)
    dropped = len(train) - len(kept)
    return (train[kept] if dropped else train), dropped


def _digest(image: NDArray[np.uint8]) -> bytes:
    return hashlib.sha256(image.tobytes()).digest()
