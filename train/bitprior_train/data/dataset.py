"""A data set: its three parts, where they come from, and what they may be used for."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import MissingFileError, UsageError
from bitprior_train.data.catalogue import LICENCES
from bitprior_train.data.digits import LICENCE as DIGITS_LICENCE
from bitprior_train.data.digits import read_digits
from bitprior_train.data.duplicates import drop_repeated
from bitprior_train.data.npz import read_more, read_npz
from bitprior_train.data.resize import METHOD, shrink
from bitprior_train.data.split import Split, only_test, split_three_ways, split_two_ways

DIGITS_TEST = 300  # of scikit-learn's 1,797 digits, which come without a test part
_STAND_IN = "train on imagenette96 and evaluate on stl10"


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images in three disjoint parts.

    Attributes:
        name: E.g. ``"mnist"``.
        train: uint8 [N, C, H, W]; see ``peak``.
        validation: As ``train``; never trained on.
        test: As ``train``; never trained on, nor looked at during training.
        peak: The stored value that means 1.0: 255, or 16 for the digits.
        split_hash: SHA-256 over all pixels, as resized, and the split's indices, hexadecimal.
        licence: Terms of the images.
        resized: How the stored images were resized, e.g. ``"96 to 32 pixels by area averaging"``;
            ``"no"`` if they were not.
        dropped: Number of training images dropped because they are also in the test part, or
            twice in their own.
    """

    name: str
    train: NDArray[np.uint8]
    validation: NDArray[np.uint8]
    test: NDArray[np.uint8]
    peak: int
    split_hash: str
    licence: str
    resized: str
    dropped: int

    @property
    def geometry(self) -> tuple[int, int, int]:
        """(C, H, W) of every image."""
        c, h, w = self.test.shape[1:]
        return int(c), int(h), int(w)

    def images(self, part: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return stored images as float32 in [0, 1]."""
        return part.astype(np.float32) / np.float32(self.peak)


@dataclass(frozen=True, eq=False)
class _Stored:
    """A data set as stored, resized, without repeated images; the digits are all in ``train``."""

    train: NDArray[np.uint8]
    test: NDArray[np.uint8]
    peak: int
    licence: str
    resized: str
    dropped: int

    def dataset(self, name: str, split: Split) -> Dataset:
        return Dataset(
            name=name,
            train=split.train,
            validation=split.validation,
            test=split.test,
            peak=self.peak,
            split_hash=split.sha256,
            licence=self.licence,
            resized=self.resized,
            dropped=self.dropped,
        )


def load_dataset(
    name: str, split_seed: int, validation: int, size: int = 0, extra: Sequence[str] = ()
) -> Dataset:
    """Load a data set and split it.

    Args:
        name: ``mnist``, ``cifar10``, ``svhn``, ``stl10``, ``imagenette96`` (from
            ``BITPRIOR_DATA``, else downloaded), ``celeba64``, ``coco64`` (from ``BITPRIOR_DATA``),
            or ``digits`` (inside scikit-learn).
        split_seed: Seed of the split.
        validation: Number of images set aside for validation.
        size: Pixels a side to shrink the images to, by area averaging; 0: as stored.
        extra: Archives in ``BITPRIOR_DATA`` whose ``train_x`` are trained on, too.

    Raises:
        UsageError: Unknown name, extra images of another geometry, a size larger than stored, or
            more validation images than there are images.
        MissingFileError: The file of the data set is not there or not as expected, or holds no
            training images.
        UnwritableOutputError: It has to be downloaded, and the cache folder cannot be written to.
    """
    stored = _read(name, size)
    if name == "digits":
        return stored.dataset(
            name, split_three_ways(stored.train, split_seed, validation, DIGITS_TEST)
        )
    if not len(stored.train):
        raise MissingFileError(
            f"training images in {name}.npz",
            f"{len(stored.test)} test images only",
            _STAND_IN if name == "stl10" else "train on another data set",
        )
    data = stored.dataset(name, split_two_ways(stored.train, stored.test, split_seed, validation))
    for more in extra:
        data = _with_more(data, more)
    return data


def _with_more(data: Dataset, name: str) -> Dataset:
    """Return a data set with further training images, none of which is held out."""
    images = read_more(name)
    side = data.geometry[2]
    if images.shape[-1] > side:
        images = shrink(images, side, name)
    if images.shape[1:] != data.geometry:
        raise UsageError(
            f"images {list(data.geometry)} in {name}.npz, as those of {data.name}",
            f"{list(images.shape[1:])}",
            f"leave {name} out of data.extra",
        )
    held = np.concatenate([data.train, data.validation, data.test])
    images, dropped = drop_repeated(images, held)
    digest = hashlib.sha256(data.split_hash.encode())
    digest.update(np.ascontiguousarray(images).data)
    return replace(
        data,
        train=np.concatenate([data.train, images]),
        split_hash=digest.hexdigest(),
        dropped=data.dropped + dropped,
    )


def load_test_part(name: str, size: int = 0) -> Dataset:
    """Load the test part of a data set that a prior was not trained on; the others are empty.

    Args:
        name: As for ``load_dataset``.
        size: As for ``load_dataset``.

    Raises:
        UsageError: As ``load_dataset``.
        MissingFileError: The file of the data set is not there or not as expected.
        UnwritableOutputError: As ``load_dataset``.
    """
    stored = _read(name, size)
    test = stored.test
    if name == "digits":
        test = split_three_ways(stored.train, 0, 0, DIGITS_TEST).test
    return stored.dataset(name, only_test(test))


def _read(name: str, size: int) -> _Stored:
    if name == "digits":
        train, peak, licence = read_digits(), 16, DIGITS_LICENCE
        test = train[:0]
    elif name in LICENCES:
        (train, test), peak, licence = read_npz(name), 255, LICENCES[name]
    else:
        known = ", ".join(sorted([*LICENCES, "digits"]))
        raise UsageError(f"a data set out of {known}", repr(name), "choose one of them")
    before = train.shape[-1]
    train, test = (shrink(part, size, name) for part in (train, test))
    after = train.shape[-1]
    resized = "no" if after == before else f"{before} to {after} pixels by {METHOD}"
    train, dropped = drop_repeated(train, test)
    return _Stored(train, test, peak, licence, resized, dropped)
