"""Where live readings come from: standard input, a serial device, a pipe, a recorded file."""

import os
import select
import stat
import sys
import termios
import threading
import time
import tty
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bitprior_devices.serve.reading_lines import ReadingLines
from bitprior_runtime.camera.camera_file import Camera
from bitprior_runtime.camera.readings import ENDINGS, read_readings
from bitprior_runtime.errors import MissingFileError, UsageError

STDIN = "-"
# Seconds in which a wish to end is noticed.
_TURN = 0.1
_BYTES = 65536


@dataclass(frozen=True, eq=False)
class ReadingSource:
    """Readings that are there or still to come.

    Attributes:
        name: What messages call it.
        parts: Gives readings as they come, until told to stop: an iterator over lists of them,
            NaN where one is missing.
        order: Numbers of the patterns in the order of the readings, as of a recording that says
            so; None: the operator's own.
        lines: What counts unreadable lines; None: a recording, which has none.
    """

    name: str
    parts: Callable[[threading.Event], Iterator[list[float]]]
    order: NDArray[np.int64] | None = None
    lines: ReadingLines | None = None


def open_readings(
    text: str, camera: Camera, wanted: tuple[int, ...], baud: int, pace: float | None
) -> ReadingSource:
    """Open readings.

    Args:
        text: ``-``: lines on standard input; a serial device such as /dev/ttyUSB0, a named pipe or
            a file: lines of text; a file that ends as recordings do (.npz, .csv, ...): as
            ``bitprior recover`` reads it.
        camera: Names array, row and column in a recording.
        wanted: As of :func:`~bitprior_runtime.camera.readings.read_readings`.
        baud: Bits a second of a serial device.
        pace: Readings a second of a recording; None: all at once.

    Raises:
        MissingFileError: It cannot be read.
        UsageError: A speed that a serial device does not have, or a recording that does not serve.
    """
    path = Path(text)
    recorded = text != STDIN and path.suffix.lower() in ENDINGS and not _is_stream(path)
    if pace is not None and not recorded:
        found = f"--readings {text}"
        raise UsageError("--pace with a recording, a file", found, "leave --pace out")
    if recorded:
        read = read_readings(path, camera.key, camera.row, camera.column, wanted)
        values = read.values
        return ReadingSource(read.source, lambda stop: _replayed(values, pace, stop), read.order)
    descriptor = _opened(text, baud)
    lines = ReadingLines()
    name = "standard input" if text == STDIN else text
    return ReadingSource(name, lambda stop: _live(descriptor, lines, stop), lines=lines)


def _is_stream(path: Path) -> bool:
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def _opened(text: str, baud: int) -> int:
    """Return a descriptor that can be read."""
    if text == STDIN:
        if sys.stdin is None or sys.stdin.closed:
            raise UsageError("readings on standard input", "it is closed", "pipe them in")
        return sys.stdin.fileno()
    try:
        # A pipe that is open for writing, too, has no end when its writer goes, nor does opening
        # it wait for one. A serial device is not to wait for a carrier.
        pipe = stat.S_ISFIFO(os.stat(text).st_mode)
        access = os.O_RDWR if pipe else os.O_RDONLY
        descriptor = os.open(text, access | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        found = error.strerror or str(error)
        raise MissingFileError(f"readings from {text}", found, "check the name") from error
    if os.isatty(descriptor):
        _set_serial(descriptor, text, baud)
    return descriptor


def _set_serial(descriptor: int, name: str, baud: int) -> None:
    """Make a serial device give bytes as they come, at a speed."""
    speed = getattr(termios, f"B{baud}", None)
    if speed is None:
        expected = f"--baud 9600, 57600, 115200 or another speed of {name}"
        raise UsageError(expected, f"{baud}", "use that of the other end")
    try:
        tty.setraw(descriptor)
        settings = termios.tcgetattr(descriptor)
        settings[4] = settings[5] = speed
        termios.tcsetattr(descriptor, termios.TCSANOW, settings)
    except termios.error as error:
        raise MissingFileError(f"a serial device {name}", f"{error}", "check the name") from error


def _live(descriptor: int, lines: ReadingLines, stop: threading.Event) -> Iterator[list[float]]:
    while not stop.is_set():
        if not select.select([descriptor], [], [], _TURN)[0]:
            continue
        try:
            data = os.read(descriptor, _BYTES)
        except BlockingIOError:
            continue
        if not data:
            break
        yield lines.feed(data)
    yield lines.end()


def _replayed(
    values: NDArray[np.float64], pace: float | None, stop: threading.Event
) -> Iterator[list[float]]:
    if pace is None:
        yield values.tolist()
        return
    begin, given = time.monotonic(), 0
    while given < len(values) and not stop.wait(_TURN):
        now = min(len(values), int((time.monotonic() - begin) * pace))
        yield values[given:now].tolist()
        given = now
