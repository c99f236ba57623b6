"""The official files of MNIST, CIFAR-10, SVHN and STL-10 as arrays.

All formats are plain numbers; none needs a pickle. Labels are not read: nothing here uses them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from bitprior_train.data.archive_members import damaged, read_gzip, read_members

Parts: TypeAlias = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""Training and test images, uint8 [N, H, W] or [N, H, W, C]."""

_IDX_MAGIC = 0x00000803  # unsigned bytes, three axes
_MNIST_LIMIT = 16 + 60000 * 28 * 28
_CIFAR10_BATCHES = tuple(f"cifar-10-batches-bin/data_batch_{i}.bin" for i in range(1, 6))
_CIFAR10_TEST = "cifar-10-batches-bin/test_batch.bin"
_CIFAR10_RECORD = 1 + 3 * 32 * 32  # label, then the red, green and blue plane
_STL10_TRAIN, _STL10_TEST = "stl10_binary/train_X.bin", "stl10_binary/test_X.bin"
_STL10_RECORD = 3 * 96 * 96


def read_mnist(paths: Sequence[Path]) -> Parts:
    """Read two gzipped IDX files of images, training and test."""
    train, test = (_read_idx(path) for path in paths)
    return train, test


def read_cifar10(paths: Sequence[Path]) -> Parts:
    """Read the .tar.gz of the "binary version": five training batches and one of test images."""
    limits = dict.fromkeys((*_CIFAR10_BATCHES, _CIFAR10_TEST), 10000 * _CIFAR10_RECORD)
    found = _records(paths[0], limits, _CIFAR10_RECORD)
    planes = {n: r[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1) for n, r in found.items()}
    train = np.concatenate([planes[name] for name in _CIFAR10_BATCHES])
    return np.ascontiguousarray(train), np.ascontiguousarray(planes[_CIFAR10_TEST])


def read_svhn(paths: Sequence[Path]) -> Parts:
    """Read two MATLAB files of cropped digits, training and test."""
    train, test = (_read_mat(path) for path in paths)
    return train, test


def read_stl10(paths: Sequence[Path]) -> Parts:
    """Read the labelled training and the test images; the unlabelled ones are passed over.

    The files hold planes of red, green and blue, each column by column.
    """
    limits = {_STL10_TRAIN: 5000 * _STL10_RECORD, _STL10_TEST: 8000 * _STL10_RECORD}
    found = _records(paths[0], limits, _STL10_RECORD)
    train, test = (
        np.ascontiguousarray(found[name].reshape(-1, 3, 96, 96).transpose(0, 3, 2, 1))
        for name in (_STL10_TRAIN, _STL10_TEST)
    )
    return train, test


def _read_idx(path: Path) -> NDArray[np.uint8]:
    data = read_gzip(path, _MNIST_LIMIT)
    header = np.frombuffer(data[:16], ">u4") if len(data) >= 16 else np.zeros(4, ">u4")
    magic, *shape = (int(value) for value in header)
    if magic != _IDX_MAGIC or len(data) != 16 + shape[0] * shape[1] * shape[2]:
        raise damaged(path, "an IDX file of images", f"{len(data)} bytes of something else")
    return np.frombuffer(data, np.uint8, offset=16).reshape(shape)


def _read_mat(path: Path) -> NDArray[np.uint8]:
    from scipy.io import loadmat  # slow to import, and needed once

    try:
        images = loadmat(path, variable_names=["X"])["X"]
    except Exception as error:  # scipy's reader raises whatever a damaged file leads it to
        raise damaged(path, "a MATLAB file with an array X", repr(error)) from error
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[:3] != (32, 32, 3):
        expected = "X of uint8 [32, 32, 3, N]"
        raise damaged(path, expected, f"{images.dtype} {list(images.shape)}")
    return np.ascontiguousarray(images.transpose(3, 0, 1, 2))


def _records(path: Path, limits: Mapping[str, int], length: int) -> dict[str, NDArray[np.uint8]]:
    """Return the named members of an archive as uint8 [N, length]."""
    found: dict[str, NDArray[np.uint8]] = {}
    for name, data in read_members(path, lambda name: limits.get(name, 0)):
        if not data or len(data) % length:
            raise damaged(path, f"{name} of whole records of {length} bytes", f"{len(data)} bytes")
        found[name] = np.frombuffer(data, np.uint8).reshape(-1, length)
    missing = [name for name in limits if name not in found]
    if missing:
        raise damaged(path, f"the member {missing[0]}", "none of that name")
    return found
