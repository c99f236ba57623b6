"""Where patterns lie on a display: how large, from which corner, mirrored, and what shows it."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing.operator import Shape

FLIPS = ("none", "left-right", "up-down", "both")
_LARGEST = 2**14  # pixels of a display's side
_LEAST = 12  # pixels of a side in which marks can be told apart


@dataclass(frozen=True)
class Placement:
    """Patterns of a frame on a display.

    Attributes:
        display: (height, width) of the display, in its pixels.
        frame: (H, W) of a pattern.
        scale: Display pixels of one pattern pixel, down and across.
        top: First row of the patterns.
        left: First column of the patterns.
        flip: One of :data:`FLIPS`; how patterns are mirrored in their place.
    """

    display: Shape
    frame: Shape
    scale: int
    top: int
    left: int
    flip: str = "none"

    def placed(self, patterns: NDArray[Any]) -> NDArray[Any]:
        """Return patterns [K,H,W] as pictures of the display, dark around them."""
        grown = patterns.repeat(self.scale, axis=1).repeat(self.scale, axis=2)
        return self._on_display(grown)

    def calibration(self) -> NDArray[np.bool_] | None:
        """Return a picture that shows where patterns lie and how, [height, width].

        Within the patterns' place: a border, a cross in the centre; in the corners, before
        mirroring, a full square top left, an empty one top right, two bars bottom left and
        nothing bottom right. No turn and no mirror image of it is itself. None: patterns take
        less than 12 display pixels down or across, and the marks would run into each other.
        """
        height, width = (side * self.scale for side in self.frame)
        if min(height, width) < _LEAST:
            return None
        line = max(1, min(height, width) // 64)
        mark = max(3 * line, min(height, width) // 8)
        found = np.zeros((height, width), bool)
        found[:line] = found[-line:] = found[:, :line] = found[:, -line:] = True
        _cross(found, line, mark)
        near, far = 2 * line, 2 * line + mark
        empty, bars = np.ones((mark, mark), bool), np.ones((mark, mark), bool)
        empty[line:-line, line:-line] = False
        bars[mark // 3 : mark - mark // 3] = False
        found[near:far, near:far] = True
        found[near:far, width - far : width - near] = empty
        found[height - far : height - near, near:far] = bars
        return np.asarray(self._on_display(found[np.newaxis])[0], np.bool_)

    def _on_display(self, pictures: NDArray[Any]) -> NDArray[Any]:
        if self.flip in ("left-right", "both"):
            pictures = pictures[:, :, ::-1]
        if self.flip in ("up-down", "both"):
            pictures = pictures[:, ::-1]
        found = np.zeros((len(pictures), *self.display), pictures.dtype)
        height, width = pictures.shape[1:]
        found[:, self.top : self.top + height, self.left : self.left + width] = pictures
        return found

    def __str__(self) -> str:
        """Return it in words."""
        height, width = self.display
        mirrored = "" if self.flip == "none" else f", mirrored {self.flip}"
        return (
            f"display {width} x {height} (width x height), pattern pixels of {self.scale} x "
            f"{self.scale}, from row {self.top}, column {self.left}{mirrored}"
        )


def place(
    frame: Shape,
    display: Shape | None = None,
    scale: int | None = None,
    at: tuple[int, int] | None = None,
    flip: str = "none",
) -> Placement:
    """Return where patterns lie.

    Args:
        frame: (H, W) of a pattern.
        display: (height, width); None: as large as the patterns.
        scale: Display pixels of one of a pattern; None: 1, or on a display as many as fit.
        at: Row and column of the first pixel; None: in the middle.
        flip: One of :data:`FLIPS`.

    Raises:
        UsageError: Patterns that do not fit there, or another word for flip.
    """
    if flip not in FLIPS:
        raise UsageError(f"--flip {', '.join(FLIPS)}", repr(flip), "use one of these")
    if scale is None:
        room = (1, 1) if display is None else (display[0] // frame[0], display[1] // frame[1])
        scale = max(1, min(room))
    height, width = frame[0] * scale, frame[1] * scale
    if display is None:
        display = (height, width) if at is None else (at[0] + height, at[1] + width)
    if max(display) > _LARGEST:
        found = f"{display[1]}x{display[0]}"
        raise UsageError(f"a display of at most {_LARGEST} pixels a side", found, "check --scale")
    top, left = at or ((display[0] - height) // 2, (display[1] - width) // 2)
    if top < 0 or left < 0 or top + height > display[0] or left + width > display[1]:
        where = "" if at is None else f" at row {top}, column {left}"
        raise UsageError(
            f"patterns that fit on a display {display[1]}x{display[0]} (width x height)",
            f"{width}x{height} pixels{where}",
            "use a smaller --scale, another --at, or a smaller frame",
        )
    return Placement(display, frame, scale, top, left, flip)


def parse_display(text: str) -> Shape:
    """Return (height, width) of a display given as WIDTHxHEIGHT, the way displays are named.

    Raises:
        UsageError: Something else.
    """
    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text.strip(), flags=re.ASCII)
    if found is None or not int(found[1]) or not int(found[2]):
        raise UsageError("--display WIDTHxHEIGHT", repr(text), "e.g. --display 1024x768")
    return int(found[2]), int(found[1])


def parse_at(text: str) -> tuple[int, int]:
    """Return row and column given as TOP,LEFT.

    Raises:
        UsageError: Something else.
    """
    found = re.fullmatch(r"(\d{1,5}),(\d{1,5})", text.strip(), flags=re.ASCII)
    if found is None:
        raise UsageError("--at TOP,LEFT in display pixels", repr(text), "e.g. --at 128,256")
    return int(found[1]), int(found[2])


def _cross(found: NDArray[np.bool_], line: int, length: int) -> None:
    """Draw a cross in the middle, centred to half a pixel of the display."""
    middle = [slice((side - line) // 2, (side - line) // 2 + line) for side in found.shape]
    around = [slice((side - length) // 2, (side - length) // 2 + length) for side in found.shape]
    found[middle[0], around[1]] = True
    found[around[0], middle[1]] = True
