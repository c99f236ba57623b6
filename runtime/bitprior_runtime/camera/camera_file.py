"""``camera.toml``: a camera's operator, frame, detector and files; docs/cameras.md has every key.

Unknown keys are refused: a key that is misspelt would be a setting that is silently ignored.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.camera.detector import Detector, detector_keys
from bitprior_runtime.camera.operator_files import located
from bitprior_runtime.camera.readings import Readings, read_readings
from bitprior_runtime.camera.view import VIEWS, Viewed
from bitprior_runtime.errors import UsageError
from bitprior_runtime.files import read_bytes
from bitprior_runtime.sensing.composed import Rows
from bitprior_runtime.sensing.operator import Operator, Shape
from bitprior_runtime.sensing.text import parse_frame, parse_operator

_MAX_BYTES = 2**20
UNKNOWN = "unknown"
TOP_KEYS = ("operator", "frame", "view", "units", "calibration", "readings", "detector")
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
        calibration: File of the calibration that is applied to pictures, relative to ``folder``;
            None: there is none.
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
    calibration: str | None = None
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
        calibration=_text(table, "calibration", name) if "calibration" in table else None,
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
