"""``camera.toml``: a camera's operator, frame, detector and files; docs/cameras.md has every key.

Unknown keys are refused: a key that is misspelt would be a setting that is silently ignored.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.camera.detector import Detector, detector_keys
from bitprior_runtime.camera.readings import Readings, read_readings
from bitprior_runtime.camera.view import VIEWS, Viewed
from bitprior_runtime.errors import UsageError
from bitprior_runtime.files import read_bytes, write_atomically
from bitprior_runtime.sensing.composed import Rows
from bitprior_runtime.sensing.operator import Operator, Shape, named
from bitprior_runtime.sensing.text import parse_frame, parse_operator

_MAX_BYTES = 2**20
UNKNOWN = "unknown"
TOP_KEYS = ("operator", "frame", "view", "units", "readings", "detector")
READINGS_KEYS = ("file", "key", "row", "column")
# Fields of a detector that may be unknown; in the file by the word, in Python as None.
_OPEN = ("gain", "offset")
_RANGE = re.compile(r"(\d{1,9})-(\d{1,9})", flags=re.ASCII)
_MOST_LISTED = 10**6


@dataclass(frozen=True)
class Camera:
    """What a camera file says.

    Attributes:
        operator: Text of the operator as written; files in it are relative to ``folder``.
        frame: (H, W) of the picture, in pixels.
        detector: What lies between A x and the readings.
        view: How the operator's patterns lie on the picture, one of
            :data:`~bitprior_runtime.camera.view.VIEWS`.
        units: Of the readings, for people; empty: not said.
        file: Of the readings, relative to ``folder``; None: named when they are read.
        key: Name of the readings in a file of several arrays; None: the only one.
        row: Which row of readings [R, N]; None: the only one.
        column: Which column of readings [N, C], e.g. a wavelength; None: the sum of all.
        folder: Where the camera file lies.
    """

    operator: str
    frame: Shape
    detector: Detector = field(default_factory=Detector)
    view: str = "as-written"
    units: str = ""
    file: str | None = None
    key: str | None = None
    row: int | None = None
    column: int | None = None
    folder: Path = Path()

    @property
    def operator_text(self) -> str:
        """The operator's text with files as paths that hold anywhere."""
        return located(self.operator, self.folder)

    def build(self, order: NDArray[np.int64] | None = None) -> Operator:
        """Return the operator.

        Args:
            order: Numbers of its patterns in the order of the readings, as the metadata of some
                files have it; None: its own order.

        Raises:
            MissingFileError: A file of the operator cannot be read.
            UsageError: An operator that does not serve, or of another frame.
        """
        own = (self.frame[1], self.frame[0]) if self.view in _TURNED else self.frame
        made: Operator = parse_operator(self.operator_text, own)
        if order is not None:
            made = Rows(made, order)
        return made if self.view == VIEWS[0] else Viewed(made, self.view)

    def readings_path(self, path: str | os.PathLike[str] | None = None) -> Path:
        """Return the file of the readings: as given, or as the camera file names it.

        Raises:
            UsageError: Neither is.
        """
        if path is not None:
            return Path(path)
        if self.file is None:
            todo = "name it on the command line, or as file under [readings]"
            raise UsageError("a file of readings", "none", todo)
        return self.folder / self.file

    def read(
        self,
        path: str | os.PathLike[str] | None = None,
        key: str | None = None,
        row: int | None = None,
        column: int | None = None,
    ) -> Readings:
        """Return readings of this camera.

        Args:
            path: Their file; None: the one that the camera file names.
            key: Name of the array; None: as the camera file says.
            row: Which row; None: as the camera file says.
            column: Which column; None: as the camera file says.

        Raises:
            MissingFileError: A file cannot be read.
            UsageError: See :func:`~bitprior_runtime.camera.readings.read_readings`.
        """
        size = self.build().size
        if row is None and column is None:
            row, column = self.row, self.column
        own = self.key if key is None else key
        return read_readings(self.readings_path(path), own, row, column, (size, 2 * size))


# Views whose picture has the operator's sides in the other order.
_TURNED = ("transposed", "quarter-left", "quarter-right")


def read_camera(path: str | os.PathLike[str]) -> Camera:
    """Read a camera file.

    Raises:
        MissingFileError: It cannot be read.
        UsageError: Not TOML, an unknown or missing key, a value of another type or out of range.
    """
    name = os.fspath(path)
    try:
        table = tomllib.loads(read_bytes(path, _MAX_BYTES).decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        found = " ".join(str(error).split())[:200]
        raise UsageError(f"a TOML file {name}", found, "see docs/cameras.md") from error
    return camera_from(table, Path(path).parent, name)


def camera_from(table: Mapping[str, Any], folder: Path, name: str = "camera.toml") -> Camera:
    """Return the camera that the tables of a camera file describe.

    Args:
        table: As :mod:`tomllib` reads it.
        folder: Files in it are relative to this.
        name: Of the file, for messages.

    Raises:
        UsageError: See :func:`read_camera`.
    """
    _known(table, TOP_KEYS, name)
    for key in ("operator", "frame"):
        if key not in table:
            raise UsageError(f"the key {key} in {name}", "none", "see docs/cameras.md")
    readings = _table(table, "readings", READINGS_KEYS, name)
    camera = Camera(
        operator=_text(table, "operator", name),
        frame=_frame(table["frame"], name),
        detector=_detector(_table(table, "detector", detector_keys(), name), name),
        view=_text(table, "view", name) if "view" in table else VIEWS[0],
        units=_text(table, "units", name) if "units" in table else "",
        file=_text(readings, "file", name) if "file" in readings else None,
        key=_text(readings, "key", name) if "key" in readings else None,
        row=_place(readings.get("row"), "row", name),
        column=_place(readings.get("column"), "column", name),
        folder=folder,
    )
    if camera.view not in VIEWS:
        expected = f"view = one of {', '.join(VIEWS)} in {name}"
        raise UsageError(expected, repr(camera.view), "use one of these")
    return camera


def to_toml(camera: Camera, folder: Path | None = None) -> str:
    """Return a camera as the text of a camera file; what is as by default is left out.

    Args:
        camera: What to write.
        folder: Where the file will lie; None: beside the one it was read from. Files in it are
            named from there.
    """
    where = camera.folder if folder is None else folder
    moved = where.resolve() != camera.folder.resolve()
    operator = located(camera.operator, camera.folder, where) if moved else camera.operator
    lines = [f"operator = {_quoted(operator)}", f"frame = {_quoted(named(camera.frame))}"]
    if camera.view != VIEWS[0]:
        lines.append(f"view = {_quoted(camera.view)}")
    if camera.units:
        lines.append(f"units = {_quoted(camera.units)}")
    file = camera.file
    if file is not None and moved:
        file = os.path.relpath(camera.folder / file, where)
    given = {"file": file, "key": camera.key, "row": camera.row, "column": camera.column}
    lines += _section("readings", {k: v for k, v in given.items() if v is not None})
    standard = Detector()
    changed = {
        item.name: getattr(camera.detector, item.name)
        for item in fields(Detector)
        if getattr(camera.detector, item.name) != getattr(standard, item.name)
    }
    lines += _section("detector", changed)
    return "\n".join(lines) + "\n"


def write_camera(path: str | os.PathLike[str], camera: Camera) -> None:
    """Write a camera file, whole or not at all.

    Raises:
        UnwritableOutputError: It cannot be written.
    """
    write_atomically(path, to_toml(camera, Path(path).parent).encode("utf-8"))


def located(text: str, folder: Path, seen_from: Path | None = None) -> str:
    """Return an operator's text with its files as paths from elsewhere.

    A part counts as a file if it is one in ``folder``, or ends as files of arrays and pictures do.

    Args:
        text: Of the operator; its files are relative to ``folder``.
        folder: Where they are.
        seen_from: Folder that paths shall be relative to; None: paths that hold anywhere.
    """
    kind, colon, rest = text.partition(":")
    parts = re.split(r"(,(?=\w+=))", rest)
    return kind + colon + "".join(_part_located(part, folder, seen_from) for part in parts)


def _part_located(part: str, folder: Path, seen_from: Path | None) -> str:
    head = re.match(r"(\w+=)?(file:)?", part)
    prefix = head[0] if head else ""
    name, mark, key = part[len(prefix) :].partition("#")
    if not name or part == ",":
        return part
    path = folder / name
    if not path.is_file() and Path(name).suffix.lower() not in _ARRAYS:
        return part
    if seen_from is None:
        return f"{prefix}{path.absolute()}{mark}{key}"
    return f"{prefix}{os.path.relpath(path, seen_from)}{mark}{key}"


_ARRAYS = (".npy", ".npz", ".csv", ".txt", ".mat", ".png", ".tif", ".tiff")


def _detector(given: Mapping[str, Any], name: str) -> Detector:
    values = dict(given)
    for key in _OPEN:
        if values.get(key) == UNKNOWN:
            values[key] = None
    if "leave_out" in values:
        values["leave_out"] = _numbers(values["leave_out"], name)
    try:
        return Detector(**values)
    except UsageError as error:
        expected = f"{error.expected} under [detector] in {name}"
        raise UsageError(expected, error.found, error.todo) from error


def _numbers(given: Any, name: str) -> tuple[int, ...]:
    """Return the numbers that a list of numbers and ranges names, ascending."""
    found: set[int] = set()
    for item in given if isinstance(given, list) else [given]:
        span = _RANGE.fullmatch(item) if isinstance(item, str) else None
        if span is not None and int(span[1]) <= int(span[2]) < int(span[1]) + _MOST_LISTED:
            found.update(range(int(span[1]), int(span[2]) + 1))
        elif isinstance(item, int) and not isinstance(item, bool) and item >= 0:
            found.add(item)
        else:
            expected = f"leave_out: numbers from 0 and ranges in {name}"
            raise UsageError(expected, f"{item!r}"[:80], 'e.g. [0, "61-63"]')
    return tuple(sorted(found))


def _ranges(numbers: tuple[int, ...]) -> list[int | str]:
    """Return ascending numbers as a list of numbers and ranges."""
    found: list[int | str] = []
    first = 0
    for i in range(1, len(numbers) + 1):
        if i == len(numbers) or numbers[i] != numbers[i - 1] + 1:
            low, high = numbers[first], numbers[i - 1]
            found.append(low if low == high else f"{low}-{high}")
            first = i
    return found


def _known(table: Mapping[str, Any], keys: tuple[str, ...], name: str) -> None:
    unknown = sorted(set(table) - set(keys))
    if unknown:
        expected = f"the keys {', '.join(keys)} in {name}"
        raise UsageError(expected, ", ".join(unknown), "see docs/cameras.md")


def _table(
    table: Mapping[str, Any], key: str, keys: tuple[str, ...], name: str
) -> Mapping[str, Any]:
    found = table.get(key, {})
    if not isinstance(found, dict):
        raise UsageError(f"[{key}] as a table in {name}", f"{found!r}"[:80], f"write [{key}]")
    _known(found, keys, f"[{key}] of {name}")
    return found


def _text(table: Mapping[str, Any], key: str, name: str) -> str:
    found = table[key]
    if not isinstance(found, str) or not found:
        raise UsageError(f"a text for {key} in {name}", f"{found!r}"[:80], "put it in quotes")
    return found


def _place(found: Any, key: str, name: str) -> int | None:
    if found is None:
        return None
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        expected = f"{key}, a number from 0, in {name}"
        raise UsageError(expected, f"{found!r}"[:80], f"e.g. {key} = 0")
    return found


def _frame(given: Any, name: str) -> Shape:
    if isinstance(given, list):
        given = "x".join(str(side) for side in given)
    if not isinstance(given, str):
        found = f"{given!r}"[:80]
        raise UsageError(f"frame as height x width in {name}", found, 'e.g. frame = "64x64"')
    return parse_frame(given)


def _section(name: str, values: Mapping[str, Any]) -> list[str]:
    if not values:
        return []
    return ["", f"[{name}]", *(f"{key} = {_value(key, value)}" for key, value in values.items())]


def _value(key: str, value: Any) -> str:
    if key == "leave_out":
        return "[" + ", ".join(_value("", item) for item in _ranges(value)) + "]"
    if isinstance(value, str):
        return _quoted(value)
    return repr(value)


def _quoted(text: str) -> str:
    """Return a TOML basic string."""
    marks = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return '"' + "".join(marks.get(c, c if c >= " " else f"\\u{ord(c):04x}") for c in text) + '"'
