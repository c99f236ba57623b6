"""Arrays in .npy and .npz files, read without trusting what their headers say."""

import io
import os
import struct
import zlib
from typing import Any

from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError
from bitprior_runtime.files import read_bytes
from bitprior_runtime.npy import NotNpyError, read_header

MAX_BYTES = 2**30
# How numpy packs the members of an archive.
_METHODS = (0, 8)  # stored, deflated
_NAMED = 12  # arrays of an archive that a message names


def _broken() -> tuple[type[Exception], ...]:
    """Return what reading a damaged archive raises."""
    import zipfile  # takes long to load: not before there is one

    return (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError,
           RuntimeError, struct.error)  # fmt: skip


def read_matrix(name: str) -> NDArray[Any]:
    """Read the array that ``FILE.npy`` or ``FILE.npz#KEY`` names.

    Args:
        name: The file, at most 1 GiB; after ``#`` the array's name in an archive, which may be
            left out where there is only one.

    Raises:
        MissingFileError: The file cannot be read.
        UsageError: Not such a file, no such array in it, or one that is no plain numbers.
    """
    path, mark, key = name.partition("#") if not os.path.isfile(name) else (name, "", "")
    data = read_bytes(path, MAX_BYTES)
    if not data.startswith(b"PK"):
        if mark:
            raise UsageError(f"an archive .npz to take {key!r} from", path, "leave out the #")
        return decode_npy(data, path)
    arrays = Archive(data, path)
    if not key and len(arrays.names) == 1:
        key = arrays.names[0]
    return arrays.read(key)


class Archive:
    """The arrays of an .npz file, each read when it is asked for.

    Args:
        data: The whole file.
        path: Where from, for messages.

    Attributes:
        names: Names of the arrays.

    Raises:
        UsageError: Not an archive.
    """

    def __init__(self, data: bytes, path: str) -> None:
        self._path = path
        try:
            import zipfile

            self._file = zipfile.ZipFile(io.BytesIO(data))
        except _broken() as error:
            raise self._broken(error) from error
        members = self._file.namelist()
        self.names = [name[: -len(".npy")] for name in members if name.endswith(".npy")]

    def read(self, key: str) -> NDArray[Any]:
        """Return an array.

        Raises:
            UsageError: No such array, one that is damaged, or larger than 1 GiB.
        """
        if key not in self.names:
            listed = ", ".join(self.names[:_NAMED]) or "none"
            listed += ", ..." if len(self.names) > _NAMED else ""
            expected = f"one of the arrays of {self._path}: {listed}"
            raise UsageError(expected, f"{key!r}", "name one of them after #")
        member = f"{key}.npy"
        kept = self._file.getinfo(member)
        if kept.compress_type not in _METHODS:
            found = f"{key!r} packed by method {kept.compress_type}"
            raise UsageError(f"a .npz archive in {self._path}", found, "save it with numpy.savez")
        if kept.file_size > MAX_BYTES:
            expected = f"an array of at most {MAX_BYTES} bytes in {self._path}"
            raise UsageError(expected, f"{key} is larger", "store it as float32, or less of it")
        try:
            with self._file.open(member) as file:
                # Of what the header announces, and not a byte more.
                data = file.read(MAX_BYTES)
        except _broken() as error:
            raise self._broken(error) from error
        return decode_npy(data, f"{self._path}#{key}")

    def _broken(self, error: Exception) -> UsageError:
        return UsageError(
            f"a whole .npz archive in {self._path}", f"{error}", "save it with numpy.savez"
        )


def decode_npy(data: bytes, path: str) -> NDArray[Any]:
    """Decode the bytes of a .npy file of numbers or text; nothing in it is ever run.

    Args:
        data: What was read.
        path: Where from, for messages.

    Raises:
        UsageError: Not a .npy file, cut short, or of Python objects.
    """
    expected = f"a whole .npy file of numbers in {path}"
    try:
        header = read_header(data)
    except NotNpyError as error:
        raise UsageError(expected, str(error), "save it with numpy.save") from error
    if header.dtype.kind not in "fiubcU":
        found = f"dtype {header.dtype}"[:200]
        raise UsageError(expected, found, "save it with numpy.save as float32")
    return header.values(data)
