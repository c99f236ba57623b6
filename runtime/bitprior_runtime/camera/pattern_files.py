"""Patterns as files for a display: PNG files, one .npz file, or bits for a mirror array (DMD).

A folder holds them with ``order.csv``, which says what is shown when, and with
``calibration.png``, which shows where they lie.
"""

import io
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.camera.display import Placement
from bitprior_runtime.camera.shown import Shown
from bitprior_runtime.errors import UnwritableOutputError, UsageError
from bitprior_runtime.files import check_folder, sole_writer
from bitprior_runtime.images.png import encode_gray

ORDER, CALIBRATION = "order.csv", "calibration.png"
NPZ, PACKED = "patterns.npz", "patterns.bin"
# A date of an archive's members that is the same for all, so that files are, too.
_DATE = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        folder: Where.
        shown: How many patterns are shown, both of a pair counted.
        bits: Of a pixel: 1 or 8.
        calibration: Whether there is a calibration frame.
    """

    folder: Path
    shown: int
    bits: int
    calibration: bool


def write_patterns(
    folder: str | os.PathLike[str], shown: Shown, placement: Placement, form: str = "png"
) -> Written:
    """Write patterns into a new folder, all of them or none.

    A few are in memory at a time, whatever their number.

    Args:
        folder: Does not exist yet, or is empty; its parent exists.
        shown: What is shown.
        placement: Where it lies on the display.
        form: One of :data:`FORMS`: ``png``, a file for each, named by its number; ``npz``, one
            archive with ``shown`` (uint8, [N,H,W] or, of bits, [N,H,ceil(W/8)] as
            numpy.packbits makes them), ``bits``, ``display``, ``pattern`` and ``sign``;
            ``packed``, one file of bits, one picture after the other.

    Raises:
        UsageError: An unknown form, or ``packed`` with patterns of gray.
        UnwritableOutputError: A folder that has something in it, or that cannot be written.
    """
    if form not in _WRITERS:
        raise UsageError(f"--format {', '.join(FORMS)}", repr(form), "use one of these")
    if form == "packed" and not shown.binary:
        todo = "use --format png or npz, which have 8 bits a pixel"
        raise UsageError("patterns of two values for packed bits", "gray patterns", todo)
    target = check_fresh(folder)
    calibration = placement.calibration()
    with _new_folder(target) as new:
        files = _WRITERS[form](new, shown, placement)
        (new / ORDER).write_text(_order(shown, placement, form, files), "ascii")
        if calibration is not None:
            (new / CALIBRATION).write_bytes(encode_gray(calibration))
    return Written(target, len(shown), 1 if shown.binary else 8, calibration is not None)


def check_fresh(folder: str | os.PathLike[str]) -> Path:
    """Check before any work that a folder can be made, or is there and empty.

    Raises:
        UnwritableOutputError: It has something in it, is a file, or its parent is not there.
    """
    target = check_folder(folder)
    if not target.absolute().parent.is_dir():
        parent = target.absolute().parent
        raise UnwritableOutputError(f"an existing folder {parent}", "none", f"mkdir -p {parent}")
    if target.is_dir() and any(target.iterdir()):
        todo = "name a new one, or remove it first"
        raise UnwritableOutputError(f"a new or empty folder {target}", "files in it", todo)
    return target


@contextmanager
def _new_folder(target: Path) -> Iterator[Path]:
    """Give a folder to fill, and put it in place when that is done."""
    target = target.absolute()
    with sole_writer(target):
        new = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            yield new
            new.chmod(0o755)
            os.replace(new, target)
        except OSError as error:
            found = error.strerror or str(error)
            todo = "free space or choose another folder"
            raise UnwritableOutputError(f"to write the folder {target}", found, todo) from error
        finally:
            shutil.rmtree(new, ignore_errors=True)


def _pictures(shown: Shown, placement: Placement) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield number and picture of the display, one at a time."""
    for first, patterns in shown.parts():
        for i in range(len(patterns)):
            yield first + i, placement.placed(patterns[i : i + 1])[0]


def _names(count: int) -> list[str]:
    digits = len(str(count - 1))
    return [f"{number:0{digits}d}.png" for number in range(count)]


def _write_png(folder: Path, shown: Shown, placement: Placement) -> list[str]:
    names = _names(len(shown))
    for number, picture in _pictures(shown, placement):
        (folder / names[number]).write_bytes(encode_gray(picture))
    return names


def _write_packed(folder: Path, shown: Shown, placement: Placement) -> list[str]:
    with (folder / PACKED).open("wb") as file:
        for _, picture in _pictures(shown, placement):
            file.write(np.packbits(picture, axis=1).tobytes())
    return []


def _write_npz(folder: Path, shown: Shown, placement: Placement) -> list[str]:
    height, width = placement.display
    across = -(-width // 8) if shown.binary else width
    small = {
        "bits": np.array(1 if shown.binary else 8),
        "display": np.array(placement.display),
        "pattern": shown.pattern,
        "sign": shown.sign,
    }
    with zipfile.ZipFile(folder / NPZ, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in small.items():
            file = io.BytesIO()
            np.save(file, array, allow_pickle=False)
            archive.writestr(_member(name), file.getvalue())
        header = {"descr": "|u1", "fortran_order": False, "shape": (len(shown), height, across)}
        with archive.open(_member("shown"), "w", force_zip64=True) as stream:
            np.lib.format.write_array_header_1_0(stream, header)
            for _, picture in _pictures(shown, placement):
                stream.write((np.packbits(picture, axis=1) if shown.binary else picture).tobytes())
    return []


def _member(name: str) -> zipfile.ZipInfo:
    found = zipfile.ZipInfo(f"{name}.npy", _DATE)
    found.compress_type = zipfile.ZIP_DEFLATED
    return found


def _order(shown: Shown, placement: Placement, form: str, files: list[str]) -> str:
    """Return the text of the order file: remarks, names of columns, a line for each shown."""
    height, width = placement.display
    lines = [f"# {placement}", "# In the order of time. sign 1: the positive part of a pattern is"]
    lines[1] += " light, -1: its negative part."
    if form == "packed":
        lines.append(
            f"# {PACKED}: {len(shown)} pictures one after the other, each {height} rows of "
            f"{-(-width // 8)} bytes, top row first; the highest bit of a byte is the leftmost "
            "of 8 pixels; 1 is light"
        )
    if form == "npz":
        packed = ", packed along rows: numpy.unpackbits(shown, axis=2, count=width)"
        lines.append(f"# {NPZ}: array shown, [N, height, width]{packed * shown.binary}")
    lines.append("shown,pattern,sign" + (",file" if files else ""))
    for number, (pattern, sign) in enumerate(zip(shown.pattern, shown.sign, strict=True)):
        lines.append(f"{number},{pattern},{sign}" + (f",{files[number]}" if files else ""))
    return "\n".join(lines) + "\n"


_WRITERS: Mapping[str, Callable[[Path, Shown, Placement], list[str]]] = {
    "png": _write_png,
    "npz": _write_npz,
    "packed": _write_packed,
}
FORMS = tuple(_WRITERS)
