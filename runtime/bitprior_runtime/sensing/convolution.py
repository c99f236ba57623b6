"""A lensless camera: the scene convolved with a point spread function, and cropped."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing.framewise import Framewise
from bitprior_runtime.sensing.operator import FloatArray, Shape, check_frame, named
from bitprior_runtime.sensing.options import Options

FORM = "convolution:psf=FILE.npz#KEY,frame=HxW,sensor=HxW"
EDGES = ("dark", "wrap")
ORIGINS = ("centre", "first")


class Convolution(Framewise):
    """Y = crop(p * x): a full linear convolution, of which the sensor sees the middle.

    Reading (r, c) of the sensor is the sum of p[u, v] x[r + R - (u - u0), c + C - (v - v0)] with
    (u0, v0) the origin of the point spread function p and (R, C) = ((H - h) // 2, (W - w) // 2),
    h x w the sensor: frame and sensor have a common centre. With ``dark`` edges the scene is
    black beyond its frame, which is the model of a canvas larger than the sensor; with ``wrap`` it
    repeats itself. Memory: 8 bytes for each pixel of the transform, whose sides are those of the
    frame and the point spread function together (``wrap``: the frame's).

    Args:
        psf: p, [h', w'], real.
        frame: (H, W) of the scene.
        sensor: (h, w) of the readings, at most the frame's; None: the frame's.
        edges: ``dark`` or ``wrap``.
        origin: ``centre``: (h' // 2, w' // 2); ``first``: (0, 0).

    Raises:
        UsageError: No such function or only zeros, or a sensor larger than the frame.
    """

    def __init__(
        self,
        psf: NDArray[Any],
        frame: Shape,
        sensor: Shape | None = None,
        edges: str = "dark",
        origin: str = "centre",
    ) -> None:
        frame = check_frame(frame)
        self._psf = _check_psf(psf)
        self.sensor = frame if sensor is None else check_frame(sensor)
        if self.sensor[0] > frame[0] or self.sensor[1] > frame[1]:
            expected = f"a sensor of at most the frame, {named(frame)}"
            raise UsageError(expected, named(self.sensor), "make the frame larger")
        for value, known in ((edges, EDGES), (origin, ORIGINS)):
            if value not in known:
                raise UsageError(" or ".join(known), repr(value), "use one of them")
        if edges == "wrap" and any(a > b for a, b in zip(self._psf.shape, frame, strict=True)):
            expected = f"a point spread function of at most {named(frame)} for edges that wrap"
            found = f"shape {self._psf.shape}"
            raise UsageError(expected, found, "crop it, or use edges=dark")
        super().__init__(frame, self.sensor[0] * self.sensor[1])
        self._name = f"sensor {named(self.sensor)}, edges {edges}, origin {origin}"
        sides = zip(frame, self._psf.shape, strict=True)
        self._grid = frame if edges == "wrap" else tuple(_fast(a + b - 1) for a, b in sides)
        at = (0, 0) if origin == "first" else tuple(side // 2 for side in self._psf.shape)
        whole = np.zeros(self._grid, np.float32)
        whole[: self._psf.shape[0], : self._psf.shape[1]] = self._psf
        whole = np.roll(whole, (-at[0], -at[1]), (0, 1))
        self._spectrum = np.fft.rfft2(whole).astype(np.complex64)
        tops = [(big - small) // 2 for big, small in zip(frame, self.sensor, strict=True)]
        self._seen = tuple(slice(top, top + side)
                           for top, side in zip(tops, self.sensor, strict=True))  # fmt: skip

    def _measured(self, images: FloatArray) -> FloatArray:
        y = np.empty((len(images), *self.sensor), np.float32)
        for image, out in zip(images, y, strict=True):
            out[:] = self._convolved(image, self._spectrum)[self._seen]
        return y.reshape(len(images), -1)

    def _back(self, rows: FloatArray) -> FloatArray:
        height, width = self.frame
        found = np.empty((len(rows), height, width), np.float32)
        canvas = np.zeros(self.frame, np.float32)
        for row, out in zip(rows, found, strict=True):
            canvas[self._seen] = row.reshape(self.sensor)
            out[:] = self._convolved(canvas, np.conj(self._spectrum))[:height, :width]
        return found

    def _convolved(self, image: FloatArray, spectrum: NDArray[Any]) -> NDArray[Any]:
        found: NDArray[Any] = np.fft.irfft2(
            np.fft.rfft2(image, s=self._grid) * spectrum, s=self._grid
        )
        return found

    def _words(self) -> Iterable[str]:
        return (self._name,)

    def _parts(self) -> Iterable[NDArray[Any]]:
        return (self._psf,)


def from_text(options: Options, frame: Shape | None) -> Convolution:
    """Make the operator of a text such as :data:`FORM`, with ``edges`` and ``origin`` if need be.

    Raises:
        MissingFileError: The file cannot be read.
        UsageError: A key or value that does not fit, or no frame.
    """
    psf = options.array("psf")
    if psf is None:
        raise options.refused("the key psf", "none")
    edges = options.word("edges", "dark", EDGES)
    origin = options.word("origin", "centre", ORIGINS)
    return Convolution(psf, options.frame(frame), options.shape("sensor"), edges, origin)


def _check_psf(psf: NDArray[Any]) -> FloatArray:
    psf = np.asarray(psf)
    if psf.dtype.kind not in "fiub" or psf.ndim != 2 or psf.size == 0:
        expected = "a real point spread function [h,w]"
        found = f"dtype {psf.dtype}, shape {psf.shape}"
        raise UsageError(expected, found, "give one picture of it, in gray")
    with np.errstate(over="ignore"):
        found_psf = np.ascontiguousarray(psf, np.float32)
    if not np.isfinite(found_psf).all() or not found_psf.any():
        expected = "a finite point spread function that measures something"
        raise UsageError(expected, "NaN, Inf (as float32) or only zeros", "check its file")
    return found_psf


def _fast(side: int) -> int:
    """Return the least number from ``side`` on that has no prime factors but 2, 3 and 5."""
    while True:
        rest = side
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return side
        side += 1
