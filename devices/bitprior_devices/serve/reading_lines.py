"""Readings as lines of text, as a microcontroller or a script prints them."""

import math
from collections.abc import Iterator

# A longer line is noise of a serial line, not readings.
MAX_LINE = 4096


class ReadingLines:
    """Turns bytes, as they come in, into readings.

    A line holds one reading or several, separated by commas, semicolons, blanks or tabs, in the
    order of time. Empty lines and those that begin with # do not count, nor does a first line of
    names. ``nan`` and an empty field between separators are missing readings. A line that cannot
    be read stands for one missing reading, so that those after it keep their patterns.

    Attributes:
        unreadable: How many lines could not be read.
    """

    def __init__(self) -> None:
        self.unreadable = 0
        self._rest = b""
        self._overlong = False
        self._begun = False

    def feed(self, data: bytes) -> list[float]:
        """Return the readings of all lines that are whole now; missing ones are NaN."""
        found: list[float] = []
        *lines, rest = (self._rest + data).split(b"\n")
        for line in lines:
            found += self._line(line)
        self._overlong = self._overlong or len(rest) > MAX_LINE
        self._rest = b"" if self._overlong else rest
        return found

    def end(self) -> list[float]:
        """Return the readings of a last line that nothing ended."""
        rest, self._rest = self._rest, b""
        return list(self._line(rest)) if rest or self._overlong else []

    def _line(self, line: bytes) -> Iterator[float]:
        overlong = self._overlong or len(line) > MAX_LINE
        self._overlong = False
        text = line.decode("ascii", errors="replace").strip()
        if not overlong and (not text or text.startswith("#")):
            return
        first, self._begun = not self._begun, True
        numbers = None if overlong else _numbers(text)
        if numbers is not None:
            yield from numbers
        elif overlong or not first or not _is_names(text):
            self.unreadable += 1
            yield math.nan


def _fields(text: str) -> list[str]:
    for mark in (";", ","):
        if mark in text:
            return text.removesuffix(mark).split(mark)
    return text.split()


def _numbers(text: str) -> list[float] | None:
    """Return the numbers of a line; None: there is something else in it."""
    if "_" in text:  # Python's own notation, nobody else's
        return None
    try:
        return [float(field) if field.strip() else math.nan for field in _fields(text)]
    except ValueError:
        return None


def _is_names(text: str) -> bool:
    """Return whether a line is one of names: letters, and no field of it a number."""
    return text.isprintable() and all(field.strip()[:1].isalpha() for field in _fields(text))
