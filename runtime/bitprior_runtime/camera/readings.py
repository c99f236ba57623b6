"""Readings from the files that people have: .npy, .npz, text, MATLAB, SPAS."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.camera.matlab import read_matlab
from bitprior_runtime.camera.spas import SPECTRA, pattern_order
from bitprior_runtime.errors import UsageError
from bitprior_runtime.files import read_bytes
from bitprior_runtime.sensing.files import MAX_BYTES, Archive, decode_npy

Floats = NDArray[np.float64]

ENDINGS = (".npy", ".npz", ".csv", ".txt", ".mat")
_NAMED = 12
# How many readings more or fewer than patterns a file may hold and still be of them.
_SPARE = 8
_TEXT_BYTES = 2**28


@dataclass(frozen=True, eq=False)
class Readings:
    """Readings as they came, one picture.

    Attributes:
        values: In the order of time, float64 [N].
        table: All that the array holds, if it has two axes; else None.
        source: Where they came from: file, array, row.
        order: Numbers of the patterns in the order of time, from metadata beside the file; None:
            the operator's own order.
        notes: What was done to come to one row.
    """

    values: Floats
    table: NDArray[Any] | None
    source: str
    order: NDArray[np.int64] | None = None
    notes: tuple[str, ...] = ()


def read_readings(
    path: str | os.PathLike[str],
    key: str | None = None,
    row: int | None = None,
    column: int | None = None,
    wanted: Sequence[int] = (),
) -> Readings:
    """Read one row of readings.

    Args:
        path: .npy, .npz, .csv, .txt or .mat; of SPAS ``*_spectraldata.npz``, whose
            ``*_metadata.json`` beside it has the order of the patterns.
        key: Name of the array in a file of several.
        row: Which row of an array [R, N].
        column: Which column of an array [N, C], e.g. one wavelength of a spectrometer.
        wanted: How many readings there should be, e.g. m and 2 m: an array of two axes is then
            understood without row and column (a grid of that many values, or one row or column
            for each spectral band, which are added).

    Raises:
        MissingFileError: It cannot be read.
        MissingExtraError: A MATLAB file without scipy, or h5py for version 7.3.
        UsageError: No such file or array, complex values, or several rows to choose from.
    """
    array, found_key = read_array(path, key)
    source = os.fspath(path) + (f"#{found_key}" if found_key else "")
    if array.dtype.kind not in "fiub":
        todo = "give the part that was measured" if array.dtype.kind == "c" else "name another key"
        raise UsageError(f"real readings in {source}", f"dtype {array.dtype}", todo)
    array = _squeezed(array)
    values, notes = _one_row(array, row, column, wanted, source)
    order = None
    if os.fspath(path).endswith(SPECTRA):
        order = pattern_order(path)
        notes = (*notes, "order of the patterns from the metadata of SPAS")
    table = array if array.ndim == 2 else None
    return Readings(values.astype(np.float64), table, source, order, notes)


def read_array(path: str | os.PathLike[str], key: str | None) -> tuple[NDArray[Any], str]:
    """Read an array of numbers from any of the files, and the name of the one that was taken.

    Raises:
        MissingFileError: It cannot be read.
        MissingExtraError: See :func:`read_readings`.
        UsageError: Not such a file, no such array, or several to choose from.
    """
    name = os.fspath(path)
    ending = Path(name).suffix.lower()
    if ending not in ENDINGS:
        expected = f"readings in a file that ends in {', '.join(ENDINGS)}"
        raise UsageError(expected, repr(Path(name).name), "save it as one of these")
    if ending in (".csv", ".txt"):
        return read_text(path), ""
    data = read_bytes(path, MAX_BYTES)
    if ending == ".mat":
        return chosen(read_matlab(data, name), key, name)
    if not data.startswith(b"PK"):
        return decode_npy(data, name), ""
    archive = Archive(data, name)
    if key is None:
        key = _only(archive, name)
    return archive.read(key), key


def chosen(arrays: dict[str, NDArray[Any]], key: str | None, name: str) -> tuple[NDArray[Any], str]:
    """Return the array of a name, or the only one there is.

    Raises:
        UsageError: No such array, or several to choose from.
    """
    listed = ", ".join(f"{n} {list(a.shape)}" for n, a in list(arrays.items())[:_NAMED])
    if key is None and len(arrays) == 1:
        key = next(iter(arrays))
    if key is None:
        found = f"{len(arrays)} arrays: {listed}" if arrays else "no array of numbers"
        todo = "name one: key under [readings], or --key"
        raise UsageError(f"one array of readings in {name}", found, todo)
    if key not in arrays:
        raise UsageError(f"one of the arrays of {name}: {listed}", repr(key), "name one of them")
    return arrays[key], key


def read_text(path: str | os.PathLike[str]) -> Floats:
    """Read numbers from a text file: separated by commas, semicolons, blanks or tabs.

    Lines that begin with # or are empty do not count, nor does a first line of names. Empty
    fields and ``nan`` are missing readings.

    Returns:
        [N], or [rows, columns].

    Raises:
        MissingFileError: It cannot be read.
        UsageError: A field that is no number, or lines of different lengths.
    """
    name = os.fspath(path)
    try:
        lines = read_bytes(path, _TEXT_BYTES).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UsageError(f"a text file {name}", "bytes that are no text", "save as CSV") from error
    rows: list[list[float]] = []
    named = False
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        try:
            rows.append([_number(field) for field in _fields(text)])
        except ValueError as error:
            if rows or named:
                expected = f"numbers in line {number} of {name}"
                raise UsageError(expected, f"{text!r}"[:80], "check the line") from error
            named = True
    if not rows:
        raise UsageError(f"readings in {name}", "no numbers", "one reading a line")
    width = len(rows[0])
    uneven = next((i for i, r in enumerate(rows) if len(r) != width), None)
    if uneven is not None:
        found = f"{len(rows[uneven])} in row {uneven}"
        raise UsageError(f"{width} values in every row of {name}", found, "check the file")
    table = np.array(rows)
    return table[:, 0] if width == 1 else table


def _fields(text: str) -> list[str]:
    for mark in (";", ",", "\t"):
        if mark in text:
            return text.split(mark)
    return text.split()


def _number(field: str) -> float:
    text = field.strip().strip('"')
    return float(text) if text else float("nan")


def _only(archive: Archive, name: str) -> str:
    if len(archive.names) == 1:
        return archive.names[0]
    for usual in ("spectral_data", "y"):
        if usual in archive.names:
            return usual
    listed = ", ".join(archive.names[:_NAMED])
    found = f"{len(archive.names)} arrays: {listed}" if archive.names else "no array"
    todo = "name one: key under [readings], or --key"
    raise UsageError(f"one array of readings in {name}", found, todo)


def _squeezed(array: NDArray[Any]) -> NDArray[Any]:
    shape = tuple(side for side in array.shape if side != 1)
    return array.reshape(shape if shape else (1,))


def _one_row(
    array: NDArray[Any],
    row: int | None,
    column: int | None,
    wanted: Sequence[int],
    source: str,
) -> tuple[NDArray[Any], tuple[str, ...]]:
    if array.ndim == 1:
        if row or column:
            expected = "row and column only for an array of rows"
            raise UsageError(expected, f"one row in {source}", "leave them out")
        return array, ()
    if array.ndim != 2:
        found = f"shape {list(array.shape)}"
        raise UsageError(f"readings [N] or rows of them in {source}", found, "save one picture")
    if row is not None or column is not None:
        return _named_row(array, row, column, source)
    if _fits(array.size, wanted):
        return array.reshape(-1), (f"table {list(array.shape)} read row by row",)
    if _fits(array.shape[0], wanted) and not _fits(array.shape[1], wanted):
        return array.sum(axis=1), (f"{array.shape[1]} columns (spectral bands) added",)
    found = f"shape {list(array.shape)}"
    todo = "choose one: row or column under [readings], or --row"
    raise UsageError(f"one row of readings in {source}", found, todo)


def _named_row(
    array: NDArray[Any], row: int | None, column: int | None, source: str
) -> tuple[NDArray[Any], tuple[str, ...]]:
    if row is not None and column is not None:
        raise UsageError("row or column", "both", "leave one of them out")
    axis = 0 if row is not None else 1
    place = row if row is not None else column
    if not 0 <= int(place or 0) < array.shape[axis]:
        expected = f"{('row', 'column')[axis]} 0 to {array.shape[axis] - 1} of {source}"
        raise UsageError(expected, str(place), "choose another")
    word = ("row", "column")[axis]
    return np.take(array, int(place or 0), axis), (f"{word} {place} of {list(array.shape)}",)


def _fits(count: int, wanted: Sequence[int]) -> bool:
    return any(abs(count - number) <= _SPARE for number in wanted)
