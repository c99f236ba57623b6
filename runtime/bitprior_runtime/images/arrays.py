"""Arrays in .npy files, read without trusting their headers."""

import io
import math
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError
from bitprior_runtime.files import read_bytes, write_atomically

MAX_ARRAY_BYTES = 2**30
MAX_AXES = 8


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
    file = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(file)
        reader = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, fortran, dtype = reader(file)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError) as error:
        raise _foreign(path, purpose, "something else") from error
    if dtype.kind != "f" or dtype.itemsize > 8:
        raise UsageError(
            f"float32 {purpose} in {path}",
            f"dtype {dtype}",
            "save it with numpy.save(path, array.astype('float32'))",
        )
    if len(shape) > MAX_AXES or any(type(size) is not int or size < 0 for size in shape):
        raise UsageError(
            f"{purpose} of 1 to {MAX_AXES} whole sizes in {path}",
            f"shape {shape}"[:200],
            "check it",
        )
    # Compared before anything of that size is allocated: a header may claim any shape.
    size = math.prod(shape) * dtype.itemsize
    if size != len(data) - file.tell():
        raise _foreign(
            path, purpose, f"{len(data) - file.tell()} bytes of values, {size} announced"
        )
    if size == 0:
        raise UsageError(f"{purpose} in {path}", f"no values, shape {shape}"[:200], "check it")
    flat: NDArray[Any] = np.frombuffer(data, dtype=dtype, offset=file.tell())
    array = flat.reshape(shape, order="F" if fortran else "C")
    with np.errstate(over="ignore"):  # what is no float32 is infinite, and refused by who reads it
        return np.ascontiguousarray(array, dtype=np.float32)


def write_array(path: str | os.PathLike[str], array: NDArray[Any]) -> None:
    """Write a .npy file, whole or not at all."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    write_atomically(path, file.getvalue())


def _foreign(path: str | os.PathLike[str], purpose: str, found: str) -> UsageError:
    return UsageError(
        f"a whole .npy file with {purpose} in {path}", found, "save it with numpy.save"
    )
