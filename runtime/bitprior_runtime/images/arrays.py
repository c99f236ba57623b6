"""Arrays in .npy files, read without trusting their headers."""

import io
import math
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError
from bitprior_runtime.files import read_bytes, write_atomically
from bitprior_runtime.npy import NotNpyError, read_header

MAX_ARRAY_BYTES = 2**30


def read_array(path: str | os.PathLike[str], purpose: str) -> NDArray[np.float32]:
    """Read a .npy file of float values.

    Args:
        path: The file; float16, float32 or float64, at most MAX_ARRAY_BYTES.
        purpose: What it should hold, for messages, e.g. ``"measurements [B,m]"``.

    Returns:
        float32, in C order.

    Raises:
        MissingFileError: It cannot be read.
        UsageError: Not a .npy file, cut short, or of another type.
    """
    return decode_array(read_bytes(path, MAX_ARRAY_BYTES), path, purpose)


def decode_array(data: bytes, path: str | os.PathLike[str], purpose: str) -> NDArray[np.float32]:
    """Decode the bytes of a .npy file of float values.

    Args:
        data: What was read.
        path: Where from, for messages.
        purpose: What it should hold, for messages.

    Returns:
        float32, in C order.

    Raises:
        UsageError: Not a .npy file, cut short, or of another type.
    """
    try:
        header = read_header(data)
    except NotNpyError as error:
        raise UsageError(
            f"a whole .npy file with {purpose} in {path}", str(error), "save it with numpy.save"
        ) from error
    if header.dtype.kind != "f" or header.dtype.itemsize > 8:
        raise UsageError(
            f"float32 {purpose} in {path}",
            f"dtype {header.dtype}"[:200],
            "save it with numpy.save(path, array.astype('float32'))",
        )
    if not math.prod(header.shape):
        raise UsageError(f"{purpose} in {path}", f"no values, shape {header.shape}", "check it")
    array = header.values(data)
    with np.errstate(over="ignore"):  # what is no float32 is infinite, and refused by who reads it
        return np.ascontiguousarray(array, dtype=np.float32)


def write_array(path: str | os.PathLike[str], array: NDArray[Any]) -> None:
    """Write a .npy file, whole or not at all."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    write_atomically(path, file.getvalue())
