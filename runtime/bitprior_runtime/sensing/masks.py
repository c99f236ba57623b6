"""Operators that keep, weigh or average pixels where they are."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing.framewise import Framewise
from bitprior_runtime.sensing.indices import check_indices
from bitprior_runtime.sensing.operator import FloatArray, Shape, check_frame, named
from bitprior_runtime.sensing.options import Options

MASK_FORM = "mask:keep=0.1,seed=0 or mask:FILE.npy"
CODED_FORM = "coded:FILE.npy,factor=4"
BOX_FORM = "superres:factor=4"


class Mask(Framewise):
    """Some of the pixels, row by row: y_k is a pixel that is kept (inpainting).

    Args:
        kept: Numbers of pixels [m], in the order of the measurements; or booleans [H,W], true
            where a pixel is measured.
        frame: (H, W); None: that of booleans [H,W].

    Attributes:
        index: Numbers of the pixels, [m].

    Raises:
        UsageError: No such numbers, or none.
    """

    def __init__(self, kept: NDArray[Any], frame: Shape | None = None) -> None:
        kept = np.asarray(kept)
        if kept.dtype.kind == "b" and kept.ndim == 2 and frame is None:
            frame = (kept.shape[0], kept.shape[1])
        if frame is None:
            raise UsageError("a frame, or a mask [H,W]", "none", "give the frame (H, W)")
        frame = check_frame(frame)
        if kept.dtype.kind == "b" and kept.shape != frame:
            expected = f"a mask for the frame {named(frame)}"
            raise UsageError(expected, f"shape {kept.shape}", "use the mask's own frame")
        self.index = check_indices(kept, frame[0] * frame[1], "pixels", once=True)
        super().__init__(frame, len(self.index))

    def taken(self, indices: NDArray[np.int64]) -> "Mask":
        """Return the operator of some of its measurements, none of them twice."""
        return Mask(self.index[indices], self.frame)

    def _measured(self, images: FloatArray) -> FloatArray:
        found: FloatArray = images.reshape(len(images), -1)[:, self.index]
        return found

    def _back(self, rows: FloatArray) -> FloatArray:
        found = np.zeros((len(rows), self.frame[0] * self.frame[1]), np.float32)
        found[:, self.index] = rows
        return found

    def _parts(self) -> Iterable[NDArray[Any]]:
        return (self.index,)


class Coded(Framewise):
    """Pixels seen through a coded aperture, summed over squares of a coarser sensor.

    Each shot s has a code of its own: y[s, r, c] is the sum of code_s x over the square of
    factor x factor pixels at (factor r, factor c); shot by shot, each row by row. With factor 1
    every pixel is weighed by itself. Memory: 4 bytes for each entry of the codes.

    Args:
        codes: Real weights [H,W], or [S,H,W] for several shots.
        factor: Side of a sensor pixel in pixels of the frame, which it divides.

    Raises:
        UsageError: No such codes or only zeros, or a factor that does not divide the frame.
    """

    def __init__(self, codes: NDArray[Any], factor: int = 1) -> None:
        codes = np.asarray(codes)
        if codes.dtype.kind not in "fiub" or codes.ndim not in (2, 3) or codes.size == 0:
            found = f"dtype {codes.dtype}, shape {codes.shape}"
            raise UsageError("real codes [H,W] or [S,H,W]", found, "give a weight for each pixel")
        with np.errstate(over="ignore"):
            self._codes = np.ascontiguousarray(codes, np.float32).reshape(-1, *codes.shape[-2:])
        if not np.isfinite(self._codes).all() or not self._codes.any():
            expected = "finite codes that let something through"
            raise UsageError(expected, "NaN, Inf (as float32) or only zeros", "check their file")
        shots, height, width = self._codes.shape
        self._factor = _check_factor(factor, (height, width))
        super().__init__((height, width), shots * height * width // factor**2)

    def _measured(self, images: FloatArray) -> FloatArray:
        parts = [_summed(code * images, self._factor).reshape(len(images), -1)
                 for code in self._codes]  # fmt: skip
        return np.concatenate(parts, axis=1)

    def _back(self, rows: FloatArray) -> FloatArray:
        small = self.frame[0] // self._factor, self.frame[1] // self._factor
        by_shot = rows.reshape(len(rows), len(self._codes), *small)
        found = np.zeros((len(rows), *self.frame), np.float32)
        for shot, code in enumerate(self._codes):
            found += code * _spread(by_shot[:, shot], self._factor)
        return found

    def _words(self) -> Iterable[str]:
        return (f"{len(self._codes)} shots, factor {self._factor}",)

    def _parts(self) -> Iterable[NDArray[Any]]:
        return (self._codes,)


class Averages(Framewise):
    """Means of squares of factor x factor pixels, row by row (super-resolution).

    Args:
        frame: (H, W), both divisible by the factor.
        factor: Side of a square in pixels.

    Raises:
        UsageError: A factor that does not divide the frame.
    """

    def __init__(self, frame: Shape, factor: int) -> None:
        frame = check_frame(frame)
        self._factor = _check_factor(factor, frame)
        super().__init__(frame, frame[0] * frame[1] // factor**2)

    def _measured(self, images: FloatArray) -> FloatArray:
        sums = _summed(images, self._factor)
        return (sums / np.float32(self._factor**2)).reshape(len(images), -1)

    def _back(self, rows: FloatArray) -> FloatArray:
        small = self.frame[0] // self._factor, self.frame[1] // self._factor
        return _spread(rows.reshape(-1, *small), self._factor) / np.float32(self._factor**2)

    def _words(self) -> Iterable[str]:
        return (f"factor {self._factor}",)


def mask_from_text(options: Options, frame: Shape | None) -> Mask:
    """Make a mask: of a share of the pixels drawn from a seed, or from a file.

    A file holds booleans or 0 and 1 [H,W], or numbers of pixels [m]. Drawn ones are the first of
    ``numpy.random.default_rng(seed).permutation(H * W)``, in the order of their numbers.

    Raises:
        MissingFileError: The file cannot be read.
        UsageError: A key or value that does not fit, or no frame.
    """
    if options.file:
        kept = options.own_file()
        if kept.ndim == 2 and kept.dtype.kind != "b" and np.isin(kept, (0, 1)).all():
            kept = kept.astype(bool)
        shape = (int(kept.shape[0]), int(kept.shape[1])) if kept.ndim == 2 else frame
        return Mask(kept, options.frame(frame or shape))
    shape, share = options.frame(frame), options.share("keep")
    seed = options.whole("seed", 0, least=0)
    if share is None:
        raise options.refused("the key keep, or a file", "none")
    pixels = shape[0] * shape[1]
    count = max(1, round(share * pixels))
    drawn = np.random.default_rng(seed).permutation(pixels)[:count]
    return Mask(np.sort(drawn), shape)


def coded_from_text(options: Options, frame: Shape | None) -> Coded:
    """Make a coded aperture from a file.

    Raises:
        MissingFileError: The file cannot be read.
        UsageError: A key or value that does not fit, or codes of another frame.
    """
    factor = options.whole("factor", 1)
    operator = Coded(options.own_file(), 1 if factor is None else factor)
    if frame is not None and check_frame(frame) != operator.frame:
        expected = f"frame {named(operator.frame)}, that of the codes"
        raise UsageError(expected, named(check_frame(frame)), "use the codes' own frame")
    return operator


def averages_from_text(options: Options, frame: Shape | None) -> Averages:
    """Make block averages.

    Raises:
        UsageError: A key or value that does not fit, or no frame.
    """
    return Averages(options.frame(frame), options.needed("factor"))


def _check_factor(factor: int, frame: Shape) -> int:
    if factor < 1 or frame[0] % factor or frame[1] % factor:
        expected = f"a factor that divides the frame {named(frame)}"
        raise UsageError(expected, f"{factor}", "change the factor, or crop the frame")
    return factor


def _summed(images: FloatArray, factor: int) -> FloatArray:
    count, height, width = images.shape
    cut = images.reshape(count, height // factor, factor, width // factor, factor)
    found: FloatArray = cut.sum(axis=(2, 4))
    return found


def _spread(small: FloatArray, factor: int) -> FloatArray:
    return small.repeat(factor, axis=1).repeat(factor, axis=2)
