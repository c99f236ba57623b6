"""Tensors of a program: float values, or integer codes with scales (1 to 8 bits)."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Grid: TypeAlias = Literal["binary", "wide", "narrow", "mid-rise"]
GRIDS: tuple[Grid, ...] = ("binary", "wide", "narrow", "mid-rise")


def grid_integers(grid: Grid, bits: int) -> tuple[int, int]:
    """Map codes to the integers of a grid: q = multiplier * code - offset.

    Args:
        grid: ``binary`` {-1, +1} (1 bit); ``wide`` -2^(b-1)..2^(b-1)-1; ``narrow``, the same
            without its lowest level; ``mid-rise``, the odd integers -(2^b-1)..2^b-1.
        bits: Bit width b.

    Returns:
        ``(multiplier, offset)``.
    """
    if grid in ("binary", "mid-rise"):
        return 2, 2**bits - 1
    return 1, 2 ** (bits - 1)


@dataclass(frozen=True, eq=False)
class QuantisedTensor:
    """A weight as offset-binary integer codes: w = scale * (multiplier * code - offset).

    Attributes:
        codes: uint8, the weight's shape, each in 0..2^bits - 1.
        bits: Bit width, 1 to 8.
        grid: Which integers the codes stand for, see :func:`grid_integers`.
        scale: float32; shape () per tensor, or (channels,) per channel of ``axis``.
        axis: The output-channel axis of per-channel scales (0 for Gemm and Conv, 1 for
            ConvTranspose); None for one scale per tensor.
    """

    codes: NDArray[np.uint8]
    bits: int
    grid: Grid
    scale: NDArray[np.float32]
    axis: int | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the weight."""
        return self.codes.shape

    @property
    def stored_bytes(self) -> int:
        """Bytes in a bundle: bit planes and float32 scales."""
        return self.bits * -(-self.codes.size // 8) + 4 * self.scale.size

    def integers(self) -> NDArray[np.int16]:
        """Return the signed integers q of the grid, in the weight's shape."""
        multiplier, offset = grid_integers(self.grid, self.bits)
        return (self.codes.astype(np.int16) * multiplier - offset).astype(np.int16)

    def values(self) -> NDArray[np.float32]:
        """Return the float32 weight, scale * q."""
        scale = self.scale
        if self.axis is not None:
            shape = [1] * self.codes.ndim
            shape[self.axis] = -1
            scale = scale.reshape(shape)
        return self.integers().astype(np.float32) * scale


@dataclass(frozen=True, eq=False)
class FloatTensor:
    """A tensor kept as float32 values (biases, float weights, constants)."""

    array: NDArray[np.float32]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the tensor."""
        return self.array.shape

    @property
    def bits(self) -> int:
        """Always 32."""
        return 32

    @property
    def stored_bytes(self) -> int:
        """Bytes in a bundle."""
        return 4 * self.array.size

    def values(self) -> NDArray[np.float32]:
        """Return the float32 values."""
        return self.array


Tensor: TypeAlias = QuantisedTensor | FloatTensor
