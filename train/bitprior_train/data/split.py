"""Seeded, disjoint, hashed splits."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Split:
    """Three disjoint parts of a set of images [N, C, H, W], and the hash that names them."""

    train: Pixels
    validation: Pixels
    test: Pixels
    sha256: str


def split_two_ways(train: Pixels, test: Pixels, seed: int, validation: int) -> Split:
    """Take validation images out of the training part; the test part stays as it is given."""
    held, rest = _draw(len(train), seed, validation)
    return Split(train[rest], train[held], test, _hash([train, test], [rest, held]))


def split_three_ways(pixels: Pixels, seed: int, validation: int, test: int) -> Split:
    """Split images that come in one heap into training, validation and test parts."""
    held, rest = _draw(len(pixels), seed, validation + test)
    shuffled = np.random.default_rng([seed, 1]).permutation(held)
    chosen, tested = np.sort(shuffled[:validation]), np.sort(shuffled[validation:])
    return Split(
        pixels[rest], pixels[chosen], pixels[tested], _hash([pixels], [rest, chosen, tested])
    )


def only_test(test: Pixels) -> Split:
    """Return a split of which only the test part is filled."""
    return Split(test[:0], test[:0], test, _hash([test], []))


def _draw(total: int, seed: int, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if count >= total:
        raise UsageError(
            f"to hold out fewer images than the {total} there are",
            f"{count} held out",
            "set data.validation lower",
        )
    order = np.random.default_rng([seed, 0]).permutation(total)
    return np.sort(order[:count]), np.sort(order[count:])


def _hash(pixels: list[Pixels], indices: list[NDArray[np.int64]]) -> str:
    digest = hashlib.sha256()
    for array in pixels:
        digest.update(repr(array.shape).encode())
        digest.update(np.ascontiguousarray(array).data)
    for index in indices:
        digest.update(repr(index.shape).encode())
        digest.update(index.astype("<i8").tobytes())
    return digest.hexdigest()
