"""What operators that see a whole frame have in common: shapes, channels and their identity."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.sensing.operator import FloatArray, Shape, channels_of, check_images, named


class Framewise(ABC):
    """An operator on whole frames, each channel measured by itself in the same way.

    A kind of operator says how it measures N frames, :meth:`_measured`, and what is the transposed
    of that, :meth:`_back`; both in float32.

    Args:
        frame: (H, W) of the images, in pixels.
        size: m, measurements of one channel.

    Attributes:
        frame: (H, W).
        size: m.
    """

    def __init__(self, frame: Shape, size: int) -> None:
        self.frame, self.size = frame, size

    def __repr__(self) -> str:
        """Return what it is and its sizes."""
        words = "".join(f", {word}" for word in self._words())
        return f"{type(self).__name__}({self.size} of frame {named(self.frame)}{words})"

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what it is called and of the arrays that it is made of."""
        hashed = hashlib.sha256(repr(self).encode())
        for part in self._parts():
            hashed.update(f"{part.shape} {part.dtype.str}".encode())
            hashed.update(np.ascontiguousarray(part).tobytes())
        return hashed.hexdigest()

    def forward(self, x: NDArray[Any]) -> FloatArray:
        """Return A x, float32 [B, C * m], of images x [B,C,H,W]."""
        images = check_images(x, self.frame)
        y = self._measured(images.reshape(-1, *self.frame))
        return np.ascontiguousarray(y, np.float32).reshape(len(images), -1)

    def adjoint(self, r: NDArray[Any]) -> FloatArray:
        """Return A^T r, float32 [B,C,H,W], of measurements r [B, C * m]."""
        r = np.asarray(r)
        channels = channels_of(r, self.size)
        rows = np.ascontiguousarray(r, np.float32).reshape(-1, self.size)
        images = np.ascontiguousarray(self._back(rows), np.float32)
        return images.reshape(len(r), channels, *self.frame)

    @abstractmethod
    def _measured(self, images: FloatArray) -> NDArray[Any]:
        """Return the measurements [N,m] of frames [N,H,W]."""

    @abstractmethod
    def _back(self, rows: FloatArray) -> NDArray[Any]:
        """Return the frames [N,H,W] (or [N, H * W]) that measurements [N,m] go back to."""

    def _words(self) -> Iterable[str]:
        """Return what else its name says."""
        return ()

    def _parts(self) -> Iterable[NDArray[Any]]:
        """Return the arrays that tell it from another of the same name."""
        return ()
