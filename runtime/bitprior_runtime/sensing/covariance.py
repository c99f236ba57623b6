"""The covariance of photos: what a pixel says about those near it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Beyond the table the covariance falls by e over 90 pixels: by exp(-1/90) a pixel.
_FALL = 0.9889503892939223
# Lags beyond which made-up photos have in common what they have here.
_NEAR = 128


@dataclass(frozen=True, eq=False)
class Covariance:
    """Second moments of photos, the same at every place (stationary) and in all quarter turns.

    Attributes:
        mean: Mean of the pixels, images in [0, 1].
        table: Covariance of two pixels by the distance between them, [L, L] over |dy| and |dx| in
            pixels; entry [0, 0] is the variance of a pixel.
    """

    mean: float
    table: NDArray[np.float32]

    @property
    def deviation(self) -> float:
        """Standard deviation of a pixel."""
        return float(np.sqrt(np.float64(self.table[0, 0])))

    def between(self, height: int, width: int) -> Floats:
        """Return the covariance of all pixels of a rectangle, [n, n], n = height * width.

        Args:
            height: Rows of pixels.
            width: Columns of pixels; pixels are numbered row by row.
        """
        lags = self._lags(height, width)
        y, x = (index.ravel() for index in np.indices((height, width)))
        found: Floats = lags[np.abs(y[:, None] - y), np.abs(x[:, None] - x)]
        return found

    def applied(self, images: Floats) -> Floats:
        """Return C x of images [N, height, width], by Fourier transforms: C is never written out.

        Args:
            images: What is multiplied, one at a time: 64 bytes a pixel beside the result.
        """
        found: Floats = self.on(*images.shape[1:]).times(images.astype(np.float64, copy=False))
        return found

    def on(self, height: int, width: int) -> "OnFrame":
        """Return the covariance of the pixels of a frame, to be applied many times."""
        lags = self._lags(height, width)
        # On a torus of twice the size no distance in the rectangle comes around.
        ring = np.zeros((2 * height, 2 * width))
        down, right = np.indices((2 * height, 2 * width))
        down, right = np.minimum(down, 2 * height - down), np.minimum(right, 2 * width - right)
        inside = (down < height) & (right < width)
        ring[inside] = lags[down[inside], right[inside]]
        return OnFrame((height, width), ring.shape, np.fft.rfft2(ring), 0.0)

    def positive(self, height: int, width: int) -> "OnFrame":
        """Return nearly the covariance of the pixels of a frame, and surely one of some images.

        Estimated tables, and what is beyond them, need not be: x^T C x may be negative. Frames no
        larger than the table are taken as they are. For others, what two pixels 128 apart have in
        common all have; the rest is brought to zero there by a raised cosine, and what its
        spectrum has below zero is left out. Near lags are right to 2 % of the variance, long ones
        to a tenth of it.
        """
        if max(height, width) <= len(self.table):
            return self.on(height, width)
        return self._windowed(height, width)

    def drawn(
        self, signs: Callable[[tuple[int, int]], NDArray[Any]], frame: tuple[int, int]
    ) -> Floats:
        """Return made-up photos less their mean, [H,W], of the covariance of :meth:`positive`.

        Args:
            signs: Gives white noise of variance 1 of a shape.
            frame: (H, W).
        """
        return self._windowed(*frame).drawn(signs)

    def _windowed(self, height: int, width: int) -> "OnFrame":
        torus = 2 * max(height, _NEAR), 2 * max(width, _NEAR)
        lags = self._lags(torus[0] // 2 + 1, torus[1] // 2 + 1)
        down, right = (np.minimum(np.arange(n), np.arange(n, 0, -1)) for n in torus)
        shared = float(lags[_NEAR, 0])
        window = np.outer(_raised_cosine(down), _raised_cosine(right))
        kernel = (lags[np.ix_(down, right)] - shared) * window
        spectrum = np.maximum(np.fft.rfft2(kernel).real, 0)
        return OnFrame((height, width), torus, spectrum, shared)

    def _lags(self, height: int, width: int) -> Floats:
        """Return the table grown to the lags of a rectangle."""
        size = len(self.table)
        dy, dx = np.indices((height, width))
        beyond = np.maximum(np.maximum(dy, dx) - (size - 1), 0)
        # Towards the origin until it is inside the table, then down along the fall.
        inside = (size - 1) / np.maximum(np.maximum(dy, dx), size - 1)
        near = self.table.astype(np.float64)[
            np.rint(dy * inside).astype(int), np.rint(dx * inside).astype(int)
        ]
        # Products one after the other are the same on every machine; exp is not.
        fall = np.cumprod(np.full(int(beyond.max()) + 1, _FALL)) / _FALL
        lags: Floats = near * fall[beyond]
        return lags


class OnFrame:
    """C of a frame's pixels: a convolution on a torus, and what all pixels have in common.

    Memory: the spectrum, at most 12 bytes for each place of the torus.

    Args:
        frame: (H, W).
        torus: Its sides, each at least twice the frame's.
        spectrum: Transform of the covariance on the torus, as ``numpy.fft.rfft2`` has it.
        shared: Covariance of any two pixels beside that.
    """

    def __init__(
        self,
        frame: tuple[int, int],
        torus: tuple[int, int],
        spectrum: NDArray[Any],
        shared: float,
    ) -> None:
        self.frame = frame
        self._torus, self._spectrum, self._shared = torus, spectrum, shared
        kind = np.complex64 if spectrum.dtype.kind == "c" else np.float32
        self._single = spectrum.astype(kind)

    def times(self, images: NDArray[Any]) -> NDArray[Any]:
        """Return C x of images [N,H,W], one at a time: in float32 if they are, else in float64."""
        height, width = self.frame
        single = images.dtype == np.float32
        known = self._single if single else self._spectrum
        found = np.empty(images.shape, np.float32 if single else np.float64)
        for image, out in zip(images, found, strict=True):
            spectrum = np.fft.rfft2(image, s=self._torus) * known
            out[:] = np.fft.irfft2(spectrum, s=self._torus)[:height, :width]
            if self._shared:
                out += self._shared * image.sum(dtype=np.float64)
        return found

    def drawn(self, signs: Callable[[tuple[int, int]], NDArray[Any]]) -> Floats:
        """Return an image [H,W] of this covariance, of a spectrum that is nowhere below zero.

        Args:
            signs: Gives white noise of variance 1 of a shape.
        """
        height, width = self.frame
        white = np.fft.rfft2(signs(self._torus)) * np.sqrt(self._spectrum)
        image = np.fft.irfft2(white, s=self._torus)[:height, :width]
        found: Floats = image + np.sqrt(self._shared) * float(signs((1, 1))[0, 0])
        return found


def _raised_cosine(lag: NDArray[Any]) -> Floats:
    window: Floats = (1 + np.cos(np.pi * np.minimum(lag, _NEAR) / _NEAR)) / 2
    return window


def covariance_of(images: NDArray[Any], size: int = 64) -> Covariance:
    """Estimate the covariance of photos, averaged over flips and quarter turns.

    Args:
        images: Gray photos of one size, float in [0, 1], [N, H, W] with H, W >= size.
        size: L, lags of the table along each axis.
    """
    mean = float(images.mean())
    count, height, width = images.shape
    shape = (2 * height, 2 * width)
    power = np.zeros((shape[0], shape[1] // 2 + 1))
    for image in images:
        power += np.abs(np.fft.rfft2(image.astype(np.float64) - mean, s=shape)) ** 2
    sums = np.fft.irfft2(power / count, s=shape)
    lags = np.arange(size)
    pairs = np.outer(height - lags, width - lags)
    quarter = (sums[:size, :size] + sums[:size, -lags % shape[1]]) / (2 * pairs)
    return Covariance(mean, ((quarter + quarter.T) / 2).astype(np.float32))
