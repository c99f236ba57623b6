"""Operators on the channels of colour images: summed in one detector, or each in its own way."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing.operator import FloatArray, Operator, Shape, check_images, named


class _Channels:
    """What both have in common: one operator for each channel, of one frame and size.

    Args:
        operators: One for each channel.

    Attributes:
        operators: As given.
        frame: (H, W).
        size: m of each operator.

    Raises:
        UsageError: None at all, or operators of several frames or sizes.
    """

    def __init__(self, operators: Sequence[Operator]) -> None:
        self.operators = tuple(operators)
        kinds = {(operator.frame, operator.size) for operator in self.operators}
        if len(kinds) != 1:
            found = ", ".join(f"{size} of {named(frame)}" for frame, size in sorted(kinds))
            expected = "operators of one frame and one number of measurements, one a channel"
            raise UsageError(expected, found or "none", "give one for each channel")
        (self.frame, self.size), *_ = kinds

    def __repr__(self) -> str:
        """Return what it is and the operators."""
        return f"{type(self).__name__}({', '.join(map(repr, self.operators))})"

    def _images(self, x: NDArray[Any]) -> FloatArray:
        images = check_images(x, self.frame)
        if images.shape[1] != len(self.operators):
            expected = f"images of {len(self.operators)} channels"
            raise UsageError(expected, f"{images.shape[1]}", "give all channels together")
        return images

    def _rows(self, r: NDArray[Any], size: int) -> NDArray[Any]:
        r = np.asarray(r)
        if r.ndim != 2 or r.shape[1] != size or len(r) == 0:
            expected = f"measurements [B,{size}]"
            raise UsageError(expected, f"shape {r.shape}", "give what this operator measured")
        return r


class ChannelSum(_Channels):
    """One detector for all channels: y = sum over c of A_c x_c, [B,m].

    Its y does not grow with the channels, so it serves priors that draw all channels, and not
    gray priors, which recover channel by channel.
    """

    frame: Shape

    def forward(self, x: NDArray[Any]) -> FloatArray:
        """Return y, float32 [B,m], of images x [B,C,H,W]."""
        images = self._images(x)
        parts = [a.forward(images[:, c : c + 1]) for c, a in enumerate(self.operators)]
        found: FloatArray = np.sum(parts, axis=0, dtype=np.float32)
        return found

    def adjoint(self, r: NDArray[Any]) -> FloatArray:
        """Return A^T r, float32 [B,C,H,W], of measurements r [B,m]."""
        rows = self._rows(r, self.size)
        return np.concatenate([operator.adjoint(rows) for operator in self.operators], axis=1)


class PerChannel(_Channels):
    """A detector for each channel: y holds A_c x_c channel after channel, [B, C * m]."""

    frame: Shape

    def forward(self, x: NDArray[Any]) -> FloatArray:
        """Return y, float32 [B, C * m], of images x [B,C,H,W]."""
        images = self._images(x)
        parts = [a.forward(images[:, c : c + 1]) for c, a in enumerate(self.operators)]
        return np.concatenate(parts, axis=1)

    def adjoint(self, r: NDArray[Any]) -> FloatArray:
        """Return A^T r, float32 [B,C,H,W], of measurements r [B, C * m]."""
        rows = self._rows(r, self.size * len(self.operators))
        parts = np.split(rows, len(self.operators), axis=1)
        pairs = zip(self.operators, parts, strict=True)
        return np.concatenate([operator.adjoint(part) for operator, part in pairs], axis=1)
