"""A data set: its three parts, where they come from, and what they may be used for."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError
from bitprior_train.data.digits import LICENCE as DIGITS_LICENCE
from bitprior_train.data.digits import read_digits
from bitprior_train.data.npz import LICENCES, read_npz
from bitprior_train.data.split import Split, split_three_ways, split_two_ways

DIGITS_TEST = 300  # of scikit-learn's 1,797 digits, which come without a test part


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images in three disjoint parts.

    Attributes:
        name: E.g. ``"mnist"``.
        train: uint8 [N, C, H, W]; see ``peak``.
        validation: As ``train``; never trained on.
        test: As ``train``; never trained on, nor looked at during training.
        peak: The stored value that means 1.0: 255, or 16 for the digits.
        split_hash: SHA-256 over all pixels and the split's indices, hexadecimal.
        licence: Terms of the images.
    """

    name: str
    train: NDArray[np.uint8]
    validation: NDArray[np.uint8]
    test: NDArray[np.uint8]
    peak: int
    split_hash: str
    licence: str

    @property
    def geometry(self) -> tuple[int, int, int]:
        """(C, H, W) of every image."""
        c, h, w = self.train.shape[1:]
        return int(c), int(h), int(w)

    def images(self, part: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return stored images as float32 in [0, 1]."""
        return part.astype(np.float32) / np.float32(self.peak)


def load_dataset(name: str, split_seed: int, validation: int) -> Dataset:
    """Load a data set and split it.

    Args:
        name: ``mnist``, ``cifar10``, ``svhn`` (from ``BITPRIOR_DATA``) or ``digits`` (inside
            scikit-learn).
        split_seed: Seed of the split.
        validation: Number of images set aside for validation.

    Raises:
        UsageError: Unknown name, or more validation images than there are images.
        MissingFileError: The file of the data set is not there or not as expected.
    """
    if name == "digits":
        pixels = read_digits()
        split = split_three_ways(pixels, split_seed, validation, DIGITS_TEST)
        return _dataset(name, split, 16, DIGITS_LICENCE)
    if name in LICENCES:
        train, test = read_npz(name)
        return _dataset(
            name, split_two_ways(train, test, split_seed, validation), 255, LICENCES[name]
        )
    known = ", ".join(sorted([*LICENCES, "digits"]))
    raise UsageError(f"a data set out of {known}", repr(name), "choose one of them")


def _dataset(name: str, split: Split, peak: int, licence: str) -> Dataset:
    return Dataset(name, split.train, split.validation, split.test, peak, split.sha256, licence)
