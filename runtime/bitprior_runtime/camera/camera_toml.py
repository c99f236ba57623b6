"""A camera as the text of its file."""

import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from bitprior_runtime.camera.camera_file import Camera
from bitprior_runtime.camera.detector import Detector
from bitprior_runtime.camera.operator_files import located
from bitprior_runtime.camera.view import VIEWS
from bitprior_runtime.files import write_atomically
from bitprior_runtime.sensing.operator import named


def write_camera(path: str | os.PathLike[str], camera: Camera) -> None:
    """Write a camera file, whole or not at all.

    Raises:
        UnwritableOutputError: It cannot be written.
    """
    write_atomically(path, to_toml(camera, Path(path).parent).encode("utf-8"))


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
    if camera.calibration is not None:
        calibration = camera.calibration
        if moved:
            calibration = os.path.relpath(camera.folder / calibration, where)
        lines.append(f"calibration = {_quoted(calibration)}")
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
