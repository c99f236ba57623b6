"""Which patterns a camera shows, in the order of time, as light between 0 and 1.

A display cannot show negative light. A pattern p with negative entries is shown as a pair, its
positive part max(p, 0) and its negative part max(-p, 0), whose readings differ by p x. Of entries
+1 and -1 these are (1 + p) / 2 and (1 - p) / 2: the pattern and its complement.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.camera.camera_file import Camera
from bitprior_runtime.camera.detector import Detector
from bitprior_runtime.camera.view import VIEWS, Viewed
from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing.composed import Rows
from bitprior_runtime.sensing.matrix import Matrix
from bitprior_runtime.sensing.operator import FloatArray, Operator, Shape

Pixels = NDArray[np.bool_] | NDArray[np.uint8]

MOST_SHOWN = 2**17
# What is made of patterns at a time, bytes.
_CHUNK = 2**22
# Entries below this share of the largest are rounding of the transform that made them.
_NOTHING = 1e-5


@dataclass(frozen=True, eq=False)
class Shown:
    """A sequence of patterns to show.

    Attributes:
        operator: The patterns as they are in their file: not turned by the camera's ``view``,
            which is how the picture lies under what is shown.
        pattern: Number of the pattern that is shown, by time, [N].
        sign: 1: its positive part is shown, -1: its negative part, [N].
        largest: What stands for full light, in units of the patterns' entries.
        binary: Whether every pixel is dark or in full light.
    """

    operator: Operator
    pattern: NDArray[np.int64]
    sign: NDArray[np.int8]
    largest: float
    binary: bool

    @property
    def frame(self) -> Shape:
        """(H, W) of what is shown, in pixels of a pattern."""
        return self.operator.frame

    def __len__(self) -> int:
        """Return how many patterns are shown, N."""
        return len(self.pattern)

    def parts(self) -> Iterator[tuple[int, Pixels]]:
        """Yield the number of the first one and a few patterns [K,H,W], in the order of time.

        Booleans where the sequence is ``binary``, else uint8, 255 in full light, rounded.
        """
        count = _at_a_time(self.operator)
        for first in range(0, len(self), count):
            which = slice(first, first + count)
            numbers, places = np.unique(self.pattern[which], return_inverse=True)
            rows = rows_of(self.operator, numbers)[places.ravel()]
            light = rows * (self.sign[which, np.newaxis, np.newaxis] / self.largest)
            if self.binary:
                yield first, light > 0.5
            else:
                yield first, np.rint(np.clip(light, 0, 1) * 255).astype(np.uint8)


def shown_by(camera: Camera, patterns: int | None = None) -> Shown:
    """Return what a camera shows.

    Pairs that the detector subtracts before they are stored (``differenced``) are shown one after
    the other. The lag is the readings' and changes nothing.

    Args:
        camera: Operator, and the pairs of its detector.
        patterns: How many of its patterns, the first ones; None: all.

    Raises:
        MissingFileError: A file of the operator cannot be read.
        UsageError: Patterns that such a detector cannot show, or too many.
    """
    operator = replace(camera, view=VIEWS[0], frame=_own_frame(camera)).build()
    size = operator.size if patterns is None else patterns
    if not 1 <= size <= operator.size:
        todo = "change --readings"
        raise UsageError(f"1 to {operator.size} patterns", f"{size}", todo)
    detector = camera.detector
    paired = detector.pairs != "none"
    if detector.pairs == "halves" and size < operator.size:
        # Recovery looks for the negative of pattern k at k + m, m being that of the file.
        raise UsageError(
            "all patterns with pairs = 'halves', whose order tells how many there are",
            f"{size} of {operator.size}",
            f"put m={size} or rows= into the operator of the camera file",
        )
    pattern, sign = _sequence(detector, size)
    if len(pattern) > MOST_SHOWN:
        found = f"{len(pattern)}"
        raise UsageError(f"at most {MOST_SHOWN} patterns to show", found, "give --readings")
    least, largest, binary = _entries(operator, size)
    if least < 0 and not paired:
        raise UsageError(
            "patterns that are light, or pairs of them",
            f"entries down to {least:g} with pairs = 'none'",
            'write pairs = "interleaved" under [detector], or patterns of 0 and 1 (values=01)',
        )
    if least >= 0 and paired:
        raise UsageError(
            f"patterns with negative entries for pairs = {detector.pairs!r}",
            f"entries of {least:g} to {largest:g}",
            'write pairs = "none", or patterns of -1 and +1 (values=pm)',
        )
    return Shown(operator, pattern, sign, largest, binary)


def rows_of(operator: Operator, numbers: NDArray[np.int64]) -> FloatArray:
    """Return patterns of an operator as pictures, float32 [K,H,W].

    Args:
        operator: A.
        numbers: Which, [K], none of them twice.
    """
    units = np.eye(len(numbers), dtype=np.float32)
    return Rows(operator, numbers).adjoint(units)[:, 0]


def _own_frame(camera: Camera) -> Shape:
    """Return the frame of the patterns themselves; turning the picture's frame gives it, too."""
    if camera.view == VIEWS[0]:
        return camera.frame
    return Viewed(Matrix(np.ones((1, *camera.frame), np.float32)), camera.view).frame


def _sequence(detector: Detector, size: int) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    pairs = "interleaved" if detector.pairs == "differenced" else detector.pairs
    places = replace(detector, pairs=pairs, lag=0).readings_of(size)
    pattern = np.empty(places.size, np.int64)
    sign = np.ones(places.size, np.int8)
    for part, value in zip(places, (1, -1), strict=False):
        pattern[part] = np.arange(size)
        sign[part] = value
    return pattern, sign


def _entries(operator: Operator, size: int) -> tuple[float, float, bool]:
    """Return the least entry, the largest without its sign, and whether there are only 0 and it."""
    count, least, largest = _at_a_time(operator), 0.0, 0.0
    smallest = np.inf  # of those that are not 0
    for first in range(0, size, count):
        rows = rows_of(operator, np.arange(first, min(first + count, size)))
        sizes = np.abs(rows)
        largest = max(largest, float(sizes.max()))
        some = sizes[sizes > _NOTHING * largest]
        least = min(least, float(rows.min()))
        smallest = min(smallest, float(some.min(initial=np.inf)))
    if not largest > 0:
        raise UsageError("patterns with light in them", "only zeros", "check the operator")
    least = 0.0 if least > -_NOTHING * largest else least
    return least, largest, smallest >= (1 - _NOTHING) * largest


def _at_a_time(operator: Operator) -> int:
    pixels = operator.frame[0] * operator.frame[1]
    return max(1, min(256, _CHUNK // (4 * pixels)))
