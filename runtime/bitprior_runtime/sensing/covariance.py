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
        return OnFrame((height, width), np.fft.rfft2(ring))

    def drawn(
        self, signs: Callable[[tuple[int, int]], NDArray[Any]], frame: tuple[int, int]
    ) -> Floats:
        """Return made-up photos less their mean, [H,W], whose covariance is nearly C.

        A torus has no covariance that falls and stays: what two pixels 128 apart have in common,
        all have, and the rest is brought to zero there by a raised cosine. Near lags are right to
        2 % of the variance, long ones to a tenth of it.

        Args:
            signs: Gives white noise of variance 1 of a shape.
            frame: (H, W).
        """
        height, width = frame
        torus = 2 * max(height, _NEAR), 2 * max(width, _NEAR)
        lags = self._lags(torus[0] // 2 + 1, torus[1] // 2 + 1)
        down, right = (np.minimum(np.arange(n), np.arange(n, 0, -1)) for n in torus)
        shared = float(lags[_NEAR, 0])
        window = np.outer(_raised_cosine(down), _raised_cosine(right))
        kernel = (lags[np.ix_(down, right)] - shared) * window
        root = np.sqrt(np.maximum(np.fft.rfft2(kernel).real, 0))
        photo = np.fft.irfft2(np.fft.rfft2(signs(torus)) * root, s=torus)[:height, :width]
        found: Floats = photo + np.sqrt(shared) * float(signs((1, 1))[0, 0])
        return found

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
    """C of a frame's pixels as a convolution on a torus of twice its size.

    Memory: the spectrum, 48 H W bytes.

    Args:
        frame: (H, W).
        spectrum: Transform of the covariance on the torus, [2 H, W + 1].
    """

    def __init__(self, frame: tuple[int, int], spectrum: NDArray[np.complex128]) -> None:
        self.frame = frame
        self._torus = 2 * frame[0], 2 * frame[1]
        self._spectrum = spectrum
        self._single = spectrum.astype(np.complex64)

    def times(self, images: NDArray[Any]) -> NDArray[Any]:
        """Return C x of images [N,H,W], one at a time: in float32 if they are, else in float64."""
        height, width = self.frame
        single = images.dtype == np.float32
        known = self._single if single else self._spectrum
        found = np.empty(images.shape, np.float32 if single else np.float64)
        for image, out in zip(images, found, strict=True):
            spectrum = np.fft.rfft2(image, s=self._torus) * known
            out[:] = np.fft.irfft2(spectrum, s=self._torus)[:height, :width]
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
