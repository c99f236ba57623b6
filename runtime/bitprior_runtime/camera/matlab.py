"""Arrays of numbers in MATLAB files, of version 5 by scipy and of version 7.3 by h5py."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import MissingExtraError, UsageError

EXTRA = "cameras"
_HDF5 = b"\x89HDF\r\n\x1a\n"
# Version 7.3 is HDF5 behind a block of text of this size.
_USER_BLOCK = 512


def read_matlab(data: bytes, name: str) -> dict[str, NDArray[Any]]:
    """Return the arrays of numbers of a MATLAB file by name; single numbers and texts are not.

    Args:
        data: The whole file.
        name: Where from, for messages.

    Raises:
        MissingExtraError: scipy, or h5py for version 7.3, is not installed.
        UsageError: Not such a file.
    """
    if _HDF5 in (data[:8], data[_USER_BLOCK : _USER_BLOCK + 8]):
        return _version_7(data, name)
    return _version_5(data, name)


def _version_5(data: bytes, name: str) -> dict[str, NDArray[Any]]:
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise MissingExtraError("scipy", EXTRA, f"the MATLAB file {name}") from error
    try:
        found = loadmat(io.BytesIO(data))
    except Exception as error:  # whatever scipy meets in a broken file
        raise _broken(name, error) from error
    return {key: a for key, a in found.items() if not key.startswith("__") and _numbers(a)}


def _version_7(data: bytes, name: str) -> dict[str, NDArray[Any]]:
    try:
        import h5py
    except ImportError as error:
        purpose = f"{name}, a MATLAB file of version 7.3"
        raise MissingExtraError("h5py", EXTRA, purpose) from error
    found: dict[str, NDArray[Any]] = {}
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            for key, item in file.items():
                # MATLAB's own tables have names of such a mark; its arrays lie transposed.
                if not key.startswith("#") and isinstance(item, h5py.Dataset):
                    array = np.asarray(item[()]).T
                    if _numbers(array) and item.attrs.get("MATLAB_class", b"double") != b"char":
                        found[key] = array
    except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
        raise _broken(name, error) from error
    return found


def _numbers(array: Any) -> bool:
    return isinstance(array, np.ndarray) and array.dtype.kind in "fiubc" and array.size > 1


def _broken(name: str, error: Exception) -> UsageError:
    found = " ".join(str(error).split())[:120] or type(error).__name__
    return UsageError(f"a whole MATLAB file {name}", found, "save it again, or as .npz")
