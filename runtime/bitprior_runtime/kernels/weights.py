"""Weights packed for the native float kernels: ``runtime/native/weights.h`` has the layout."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.tensors import QuantisedTensor, Tensor, grid_integers

LANES = 16
_Kind = TypeVar("_Kind", bound=np.generic)


@dataclass(frozen=True, eq=False)
class PackedMatrix:
    """A weight matrix [rows, columns] as words, at its bit width.

    Attributes:
        words: uint32 [rows, blocks, 16].
        columns: Columns.
        bits: 1 to 8, or 32 for float values.
        multiplier: Of the grid's integers, multiplier * v + extra, with v the centred code.
        extra: See ``multiplier``.
        scale: float32, one value or one a channel; None for float values.
    """

    words: NDArray[np.uint32]
    columns: int
    bits: int
    multiplier: float
    extra: float
    scale: NDArray[np.float32] | None


def pack_matrix(tensor: Tensor, channels: int, transpose: bool = False) -> PackedMatrix:
    """Pack a weight as a matrix of its first axis by all others.

    Args:
        tensor: The weight.
        channels: The axis that a scale per channel may belong to, of ``tensor``. A scale along
            another axis does not factor out: then the weight is kept as float32 values.
        transpose: Make the second axis of a matrix the rows.

    Returns:
        The words; ``scale`` is left out (None) where the values are float.
    """
    if not isinstance(tensor, QuantisedTensor) or tensor.axis not in (None, channels):
        return PackedMatrix(*_float_words(_matrix(tensor.values(), transpose)), 32, 1.0, 0.0, None)
    multiplier, offset = grid_integers(tensor.grid, tensor.bits)
    middle = 2 ** (tensor.bits - 1)
    # Offset binary to two's complement: the highest bit flips.
    centred = _matrix(tensor.codes, transpose) ^ np.uint8(middle)
    words = _words(centred, tensor.bits)
    extra = multiplier * middle - offset
    scale = np.ascontiguousarray(tensor.scale, np.float32)
    return PackedMatrix(
        words, centred.shape[1], tensor.bits, float(multiplier), float(extra), scale
    )


def _matrix(values: NDArray[_Kind], transpose: bool) -> NDArray[_Kind]:
    matrix = values.reshape(values.shape[0], -1)
    return matrix.T if transpose else matrix


def _float_words(values: NDArray[np.float32]) -> tuple[NDArray[np.uint32], int]:
    rows, columns = values.shape
    padded = np.zeros((rows, -(-columns // LANES) * LANES), dtype=np.float32)
    padded[:, :columns] = values
    return padded.view(np.uint32).reshape(rows, -1, LANES), columns


def _words(codes: NDArray[np.uint8], bits: int) -> NDArray[np.uint32]:
    rows, columns = codes.shape
    per = 32 // bits
    blocks = -(-columns // (per * LANES))
    padded = np.zeros((rows, blocks * per * LANES), dtype=np.uint8)
    padded[:, :columns] = codes
    grouped = padded.reshape(rows, blocks, per, LANES)
    words = np.zeros((rows, blocks, LANES), dtype=np.uint32)
    for position in range(per):
        words |= grouped[:, :, position].astype(np.uint32) << np.uint32(bits * position)
    return words
