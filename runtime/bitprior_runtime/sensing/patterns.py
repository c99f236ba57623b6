"""Stacks of patterns from a file: bits, bytes or numbers, one pattern for each reading."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing.framewise import Framewise
from bitprior_runtime.sensing.operator import FloatArray, Shape, check_frame, named
from bitprior_runtime.sensing.options import Options

FORM = "patterns:FILE.npz#KEY,frame=HxW,packed=01"
PACKED = ("01", "pm")
# What is written out as float32 at a time, bytes.
_CHUNK = 2**22
# Stacks of two values that would take more bytes than this as they come are kept as bits.
_SMALL = 2**22


class Patterns(Framewise):
    """A stack of patterns, y_k = sum of pattern k times the image.

    There may be more patterns than pixels, and the same one several times. Memory: stacks of 8-bit
    numbers stay as they are, packed bits and large stacks of two values (0 and 1, or -1 and 1)
    take a bit a pixel, all others 4 bytes. What a product needs beside that is 4 MB at most.

    Args:
        stack: Real numbers [m,h,w] or [m, h * w], row by row; or bits [m, ceil(h * w / 8)] as
            ``numpy.packbits`` packs each row, uint8.
        frame: (H, W); None: that of a stack [m,h,w].
        packed: What packed bits mean, ``01``: themselves, ``pm``: -1 and +1. None: not packed.

    Raises:
        UsageError: No numbers, not finite, of another frame or of none, or all zero.
    """

    def __init__(
        self, stack: NDArray[Any], frame: Shape | None = None, packed: str | None = None
    ) -> None:
        stack = np.asarray(stack)
        frame = _frame_of(stack, frame, packed)
        super().__init__(frame, len(stack))
        self._pixels = frame[0] * frame[1]
        self._kind = packed
        if packed is None:
            self._rows, self._kind = _stored(_numbers(stack, frame))
        else:
            self._rows = _bits(stack, self._pixels, packed)
        if self._kind != "pm" and not self._rows.any():
            raise UsageError("patterns that measure something", "all zeros", "check the file")

    def taken(self, indices: NDArray[np.int64]) -> "Patterns":
        """Return the operator of some of its measurements."""
        found = object.__new__(Patterns)
        Framewise.__init__(found, self.frame, len(indices))
        found._pixels, found._kind = self._pixels, self._kind
        found._rows = self._rows[indices]
        return found

    @property
    def nbytes(self) -> int:
        """Bytes of the stack as it is kept."""
        return self._rows.nbytes

    def written(self, first: int, last: int) -> FloatArray:
        """Return patterns from first to before last as float32, [last - first, H * W]."""
        rows = self._unpacked(slice(first, last))
        return 2 * rows - 1 if self._kind == "pm" else rows

    def _measured(self, images: FloatArray) -> FloatArray:
        flat = np.ascontiguousarray(images.reshape(len(images), -1).T)
        y = np.empty((self.size, len(images)), np.float32)
        for part, rows in self._written():
            y[part] = rows @ flat
        if self._kind == "pm":
            y = 2 * y - flat.sum(axis=0)
        return y.T

    def _back(self, rows: FloatArray) -> FloatArray:
        found = np.zeros((len(rows), self._pixels), np.float32)
        for part, patterns in self._written():
            found += rows[:, part] @ patterns
        if self._kind == "pm":
            found = 2 * found - rows.sum(axis=1, keepdims=True)
        return found

    def _written(self) -> Iterator[tuple[slice, FloatArray]]:
        """Yield a few rows at a time as float32; of bits 0 and 1, whatever they mean."""
        count = max(1, _CHUNK // (4 * self._pixels))
        for first in range(0, self.size, count):
            part = slice(first, first + count)
            yield part, self._unpacked(part)

    def _unpacked(self, part: slice) -> FloatArray:
        rows = self._rows[part]
        if self._kind is not None:
            rows = np.unpackbits(rows, axis=1, count=self._pixels)
        return rows.astype(np.float32, copy=False)

    def _words(self) -> Iterable[str]:
        meaning = {"01": "bits 0 and 1", "pm": "bits -1 and +1", None: str(self._rows.dtype)}
        return (meaning[self._kind],)

    def _parts(self) -> Iterable[NDArray[Any]]:
        return (self._rows,)


def from_text(options: Options, frame: Shape | None) -> Patterns:
    """Make the operator of a text such as :data:`FORM`, without ``packed`` for numbers.

    Raises:
        MissingFileError: The file cannot be read.
        UsageError: A key or value that does not fit, or a stack that does not serve.
    """
    stack = options.own_file()
    packed = options.word("packed", "", ("", *PACKED)) or None
    knows = stack.ndim == 3 and packed is None
    own = options.shape("frame")
    if own is not None and frame is not None and own != check_frame(frame):
        found = f"frame {named(check_frame(frame))} for {options.text!r}"
        raise UsageError(f"frame {named(own)}, that of the operator", found, "use one of them")
    shape = own or frame
    if shape is None and not knows:
        raise UsageError("a frame for the patterns", "none", "give frame=HxW, or a stack [m,h,w]")
    return Patterns(stack, shape, packed)


def _frame_of(stack: NDArray[Any], frame: Shape | None, packed: str | None) -> Shape:
    if packed is not None and packed not in PACKED:
        raise UsageError("packed 01 or pm", repr(packed), "say what the bits mean")
    if stack.ndim == 3 and packed is None:
        own = check_frame(stack.shape[1:])
        if frame is not None and check_frame(frame) != own:
            expected = f"patterns for the frame {named(check_frame(frame))}"
            raise UsageError(expected, f"patterns of {named(own)}", "use the patterns' own frame")
        return own
    if frame is None:
        found = f"no frame, patterns of shape {stack.shape}"
        raise UsageError("a frame, or patterns [m,h,w]", found, "give the frame (H, W)")
    return check_frame(frame)


def _numbers(stack: NDArray[Any], frame: Shape) -> NDArray[Any]:
    pixels = frame[0] * frame[1]
    wanted = f"real patterns [m,{pixels}] or [m,{frame[0]},{frame[1]}]"
    if stack.dtype.kind not in "fiub":
        todo = "give numbers"
        if stack.dtype.kind == "c":
            todo = "measure real and imaginary part as patterns of their own"
        raise UsageError(wanted, f"dtype {stack.dtype}", todo)
    rows = stack.reshape(len(stack), -1) if stack.ndim == 3 else stack
    if rows.ndim != 2 or len(rows) == 0 or rows.shape[1] != pixels:
        todo = "check the frame; packed bits need packed=01 or packed=pm"
        raise UsageError(wanted, f"shape {stack.shape}", todo)
    return rows


def _bits(stack: NDArray[Any], pixels: int, packed: str) -> NDArray[np.uint8]:
    width = -(-pixels // 8)
    if stack.dtype != np.uint8 or stack.ndim != 2 or stack.shape[1] != width or len(stack) == 0:
        expected = f"packed bits uint8 [m,{width}], those of {pixels} pixels"
        found = f"dtype {stack.dtype}, shape {stack.shape}"
        raise UsageError(
            expected, found, "check the frame, and pack with numpy.packbits(.., axis=1)"
        )
    rows = np.array(stack)
    spare = 8 * width - pixels
    rows[:, -1] &= np.uint8(0xFF << spare & 0xFF)  # what fills the last byte means nothing
    return rows


def _stored(rows: NDArray[Any]) -> tuple[NDArray[Any], str | None]:
    """Return numbers as they are kept, and what they mean if it is bits."""
    if rows.dtype.kind == "b":
        return np.packbits(rows, axis=1), "01"
    if rows.dtype.itemsize > 1:
        with np.errstate(over="ignore"):
            rows = np.ascontiguousarray(rows, np.float32)
        finite = np.isfinite(rows).all(axis=1)
        if not finite.all():
            found = f"NaN or Inf (as float32) in {np.count_nonzero(~finite)} of {len(rows)}"
            raise UsageError("finite patterns", found, "check the file of the patterns")
    if rows.nbytes > _SMALL:
        ones = rows == 1
        if np.array_equal(ones, rows != 0):
            return np.packbits(ones, axis=1), "01"
        if np.array_equal(~ones, rows == -1):
            return np.packbits(ones, axis=1), "pm"
    return np.ascontiguousarray(rows), None
