"""Cosine transforms, and fringes in three or four phase steps."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing.framewise import Framewise
from bitprior_runtime.sensing.operator import FloatArray, Shape, check_frame, named
from bitprior_runtime.sensing.options import Options

COSINE_FORM = "dct:m=1024"
FRINGE_FORM = "fourier:steps=4,frequencies=512"
STEPS = (3, 4)

_LARGEST = 2**10  # pixels of a side: its cosines are written out


class Cosines(Framewise):
    """The m lowest rows of the orthonormal discrete cosine transform (DCT-II) of a frame.

    Row (i, j) is c_i c_j cos(pi i (r + 1/2) / H) cos(pi j (c + 1/2) / W). Low ones first: by
    i / H + j / W, of equal sums the smaller i. Memory: 4 H^2 + 4 W^2 bytes and 8 for each row.

    Args:
        frame: (H, W).
        m: Rows; None: all.

    Raises:
        UsageError: m out of range, or a side above 1,024.
    """

    def __init__(self, frame: Shape, m: int | None = None) -> None:
        frame = _check_sides(frame)
        pixels = frame[0] * frame[1]
        m = pixels if m is None else m
        if not 1 <= m <= pixels:
            raise UsageError(f"m from 1 to {pixels} rows", f"m={m}", "change m")
        super().__init__(frame, m)
        self._down, self._across = (_cosines(side) for side in frame)
        i, j = np.indices(frame)
        sums = i * frame[1] + j * frame[0]  # in whole numbers, so that equal ones are equal
        self._index = np.argsort(sums.ravel(), kind="stable")[:m]

    def _measured(self, images: FloatArray) -> NDArray[Any]:
        spectrum = self._down @ images @ self._across.T
        found: NDArray[Any] = spectrum.reshape(len(images), -1)[:, self._index]
        return found

    def _back(self, rows: FloatArray) -> NDArray[Any]:
        spectrum = np.zeros((len(rows), self.frame[0] * self.frame[1]), np.float32)
        spectrum[:, self._index] = rows
        found: NDArray[Any] = self._down.T @ spectrum.reshape(-1, *self.frame) @ self._across
        return found


class Fringes(Framewise):
    """Fringe patterns that a projector can show, each frequency in 3 or 4 phase steps.

    Step s of frequency (f, g), cycles of the frame down and across, is the pattern
    (1 + cos(2 pi (f r / H + g c / W) + 2 pi s / steps)) / 2, from 0 to 1; the readings of one
    frequency follow each other. Low frequencies first, by (f / H)^2 + (g / W)^2; of f and -f only
    one of each pair is there. The Fourier coefficient
    sum of x exp(-2 pi i (f r / H + g c / W)) is y0 - y2 + i (y1 - y3) of 4 steps, and
    2 (2 y0 - y1 - y2) / 3 + 2 i (y1 - y2) / root 3 of 3 steps.
    Memory: 16 bytes a frequency; transforms are FFTs.

    Args:
        frame: (H, W).
        steps: 3 or 4.
        frequencies: How many; None: all, H W / 2 about.

    Attributes:
        frequencies: (f, g) of each, [k, 2].

    Raises:
        UsageError: Other steps, or more frequencies than there are.
    """

    def __init__(self, frame: Shape, steps: int = 4, frequencies: int | None = None) -> None:
        frame = check_frame(frame)
        if steps not in STEPS:
            raise UsageError("3 or 4 phase steps", f"{steps!r}", "use one of them")
        known = _half_plane(frame)
        count = len(known) if frequencies is None else frequencies
        if not 1 <= count <= len(known):
            expected = f"frequencies from 1 to {len(known)}"
            raise UsageError(expected, f"{count}", "change them")
        self.frequencies, self._steps = known[:count], steps
        super().__init__(frame, steps * count)
        phases = 2 * np.pi * np.arange(steps) / steps
        self._turns = np.exp(1j * phases).astype(np.complex64)
        self._at = self.frequencies[:, 0] % frame[0], self.frequencies[:, 1] % frame[1]

    def _measured(self, images: FloatArray) -> NDArray[Any]:
        # Sum of x cos(t + p) = Re(conj(X) exp(i p)), with X = sum of x exp(-i t).
        found = np.fft.fft2(images)[:, self._at[0], self._at[1]]
        waves = (np.conj(found)[:, :, np.newaxis] * self._turns).real
        light = images.sum(axis=(1, 2), dtype=np.float64)[:, np.newaxis, np.newaxis]
        y: NDArray[Any] = 0.5 * (light + waves)
        return y.reshape(len(images), -1)

    def _back(self, rows: FloatArray) -> NDArray[Any]:
        by_step = rows.reshape(len(rows), -1, self._steps)
        spectrum = np.zeros((len(rows), *self.frame), np.complex128)
        spectrum[:, self._at[0], self._at[1]] = by_step @ self._turns
        waves = np.fft.ifft2(spectrum).real * (self.frame[0] * self.frame[1])
        light = rows.sum(axis=1, dtype=np.float64)[:, np.newaxis, np.newaxis]
        back: NDArray[Any] = 0.5 * (light + waves)
        return back

    def _words(self) -> Iterable[str]:
        return (f"{len(self.frequencies)} frequencies in {self._steps} steps",)


def cosines_from_text(options: Options, frame: Shape | None) -> Cosines:
    """Make the operator of a text such as :data:`COSINE_FORM`.

    Raises:
        UsageError: A key or value that does not fit, or no frame.
    """
    return Cosines(options.frame(frame), options.whole("m"))


def fringes_from_text(options: Options, frame: Shape | None) -> Fringes:
    """Make the operator of a text such as :data:`FRINGE_FORM`.

    Raises:
        UsageError: A key or value that does not fit, or no frame.
    """
    steps = options.whole("steps", 4)
    return Fringes(
        options.frame(frame), 4 if steps is None else steps, options.whole("frequencies")
    )


def _check_sides(frame: Shape) -> Shape:
    frame = check_frame(frame)
    if max(frame) > _LARGEST:
        expected = f"a frame of at most {_LARGEST} pixels a side"
        raise UsageError(expected, named(frame), "use blocks, or a smaller frame")
    return frame


def _cosines(side: int) -> FloatArray:
    rows = np.cos(np.pi * np.outer(np.arange(side), np.arange(side) + 0.5) / side)
    rows *= np.sqrt(2 / side)
    rows[0] *= np.sqrt(0.5)
    found: FloatArray = rows.astype(np.float32)
    return found


def _half_plane(frame: Shape) -> NDArray[np.int64]:
    """Return one of each pair of frequencies f and -f, low ones first, [k,2]."""
    height, width = frame
    f, g = (index.ravel() for index in np.indices(frame))
    f, g = (np.where(2 * index > side, index - side, index)
            for index, side in ((f, height), (g, width)))  # fmt: skip
    # -f modulo the frame; a frequency that is its own negative stays.
    other = (-f % height) * width + (-g % width)
    kept = np.arange(height * width) <= other
    f, g = f[kept], g[kept]
    level = (f * width) ** 2 + (g * height) ** 2
    order = np.lexsort((np.arange(len(f)), level))
    return np.stack([f, g], axis=1)[order]
