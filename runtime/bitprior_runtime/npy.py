"""The header of a .npy file, read without trusting what it says."""

import io
import math
import tokenize
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_AXES = 8
# What numpy's own reader of headers raises for bytes that are none.
_BROKEN = (ValueError, SyntaxError, TypeError, LookupError, AttributeError, OverflowError,
           RecursionError, MemoryError, tokenize.TokenError)  # fmt: skip


class NotNpyError(Exception):
    """Bytes that are no .npy file; the message says what they are."""


@dataclass(frozen=True)
class Header:
    """What a header announces.

    Attributes:
        shape: Whole sizes, at most MAX_AXES of them.
        fortran: Whether the first index varies fastest.
        dtype: Type of the values; not of Python objects.
        offset: Bytes before the values.
    """

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    offset: int

    def values(self, data: bytes) -> NDArray[Any]:
        """Return the array, a view of the file's bytes."""
        flat: NDArray[Any] = np.frombuffer(data, dtype=self.dtype, offset=self.offset)
        return flat.reshape(self.shape, order="F" if self.fortran else "C")


def read_header(data: bytes) -> Header:
    """Read and check the header of a whole file; nothing of the announced size is allocated.

    Args:
        data: The file.

    Raises:
        NotNpyError: Another kind of file, a shape of negative or too many sizes, values of Python
            objects or of no size, or more or fewer bytes of values than announced.
    """
    file = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(file)
        first = version == (1, 0)
        read = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(file)
    except _BROKEN as error:
        raise NotNpyError("something else") from error
    if len(shape) > MAX_AXES or any(type(size) is not int or size < 0 for size in shape):
        raise NotNpyError(f"shape {shape}"[:200])
    if dtype.hasobject or dtype.itemsize == 0 or dtype.subdtype is not None:
        raise NotNpyError(f"dtype {dtype}"[:200])
    size, rest = math.prod(shape) * dtype.itemsize, len(data) - file.tell()
    if size != rest:
        raise NotNpyError(f"{rest} bytes of values, {size} announced"[:200])
    return Header(shape, fortran, dtype, file.tell())
