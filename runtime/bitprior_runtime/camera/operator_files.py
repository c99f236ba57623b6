"""The files that an operator's text names, as paths from elsewhere."""

import os
import re
from pathlib import Path

_ARRAYS = (".npy", ".npz", ".csv", ".txt", ".mat", ".png", ".tif", ".tiff")


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
