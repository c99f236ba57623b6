"""Weights of linear nodes in the packed layout of runtime/native/integer_packed.h."""

import ctypes
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.integer.plan import Kind, LinearNode
from bitprior_runtime.kernels.integer_layout import Order, unsupported
from bitprior_runtime.kernels.integer_structs import Matrix, Packed, Patches
from bitprior_runtime.kernels.library import library

WORD_BYTES = 64
TILE_OUTS = 16
TILE_INS = 4
# Rows and columns of a matrix: partial sums of shifted codes must stay below 2^31.
MOST = 1 << 16
_STORED = {1: 1, 2: 2, 3: 4, 4: 4}

Struct = TypeVar("Struct", bound=ctypes.Structure)


class Keeper:
    """Memory that C structs point to: it lives as long as this object.

    Attributes:
        kept: What it is: numpy arrays, and structs and arrays of structs.
        weight_bytes: Bytes of packed weights.
    """

    def __init__(self) -> None:
        self.kept: list[Any] = []
        self.weight_bytes = 0

    def keep(self, thing: Struct) -> Struct:
        """Keep a struct and return it."""
        self.kept.append(thing)
        return thing

    def address(self, array: NDArray[Any]) -> int:
        """Return the address of an array's values, contiguous."""
        whole = np.ascontiguousarray(array)
        self.kept.append(whole)
        return int(whole.ctypes.data)

    def array(self, kind: type[Struct], items: Sequence[Struct]) -> "ctypes.Array[Struct]":
        """Return structs as a C array."""
        made = (kind * len(items))(*items)
        self.kept.append(made)
        return made

    def words(self, count: int) -> int:
        """Return the address of ``count`` words of packed weights, aligned to their size."""
        raw = np.zeros((count + 1) * WORD_BYTES, np.uint8)
        self.kept.append(raw)
        self.weight_bytes += count * WORD_BYTES
        return int(raw.ctypes.data + -raw.ctypes.data % WORD_BYTES)


def stored_bits(bits: int) -> int:
    """Return the width in memory of codes of 1 to 8 bits."""
    return _STORED.get(bits, 8)


def pack(codes: NDArray[np.uint8], bits: int, keeper: Keeper) -> Packed:
    """Pack codes [outs, ins] of ``bits`` bits.

    Raises:
        ProgramError: The matrix is too large.
    """
    outs, ins = codes.shape
    if max(outs, ins) > MOST:
        raise unsupported(f"weights of at most {MOST} rows and columns", f"{outs} x {ins}")
    stored = stored_bits(bits)
    strips = -(-outs // TILE_OUTS)
    words = -(-ins // (TILE_INS * 8 // stored))
    address = keeper.words(strips * words)
    packed = Packed(stored, outs, ins, strips, words, address)
    whole = np.ascontiguousarray(codes)
    library().bp_pack_codes(
        ctypes.byref(packed), ctypes.c_void_p(whole.ctypes.data), ctypes.c_void_p(address)
    )
    return packed


def make_patches(node: LinearNode) -> Patches:
    """Return the geometry of a linear node: that of the convolution it is or is the adjoint of."""
    if node.geometry is None:
        outs, ins = node.weight.shape
        runs = int(np.prod(node.source_shape)) // ins
        return Patches(runs, 1, ins, runs, 1, outs, (1, 1), (1, 1), (0, 0), (1, 1), 1)
    image, map_ = node.source_shape, node.target_shape
    if node.kind is Kind.CONV_TRANSPOSE:
        image, map_ = map_, image
    g = node.geometry
    sides = (*image[1:], image[0], *map_[1:], map_[0])
    return Patches(*sides, g.kernel, g.strides, g.pads[:2], g.dilations, g.group)


def make_matrices(
    node: LinearNode, orders: tuple[Order | None, Order | None], keeper: Keeper
) -> "ctypes.Array[Matrix]":
    """Return the packed matrices of a linear node, one a group: [outs, (taps, channels)].

    Args:
        node: The node.
        orders: How its input and its output lie.
        keeper: Owner of the memory.
    """
    weight = node.weight.astype(np.int32)
    if node.geometry is None:
        return keeper.array(Matrix, [_matrix(_ordered(weight, node, orders), node, keeper)])
    parts = np.split(weight, node.geometry.group)
    rows = [part.transpose(0, 2, 3, 1).reshape(len(part), -1) for part in parts]
    return keeper.array(Matrix, [_matrix(part, node, keeper) for part in rows])


def _ordered(
    weight: NDArray[np.int32], node: LinearNode, orders: tuple[Order | None, Order | None]
) -> NDArray[np.int32]:
    """Return a dense weight whose columns and rows lie as the input and the output do."""
    for axis, order in ((1, orders[0]), (0, orders[1])):
        if order is None:
            continue
        if len(order) != weight.shape[axis]:
            raise unsupported(
                "a dense node on whole images", f"one on parts of an image at {node.name!r}"
            )
        weight = weight.take(order, axis=axis)
    return weight


def _matrix(weight: NDArray[np.int32], node: LinearNode, keeper: Keeper) -> Matrix:
    codes = (weight + node.code_offset) // node.code_multiplier
    parts = [pack((codes & 255).astype(np.uint8), min(node.bits, 8), keeper)]
    if node.bits > 8:
        parts.append(pack((codes >> 8).astype(np.uint8), node.bits - 8, keeper))
    return Matrix(
        part=(Packed * 2)(*parts),
        parts=len(parts),
        out_sums=keeper.address(_times_128(weight.sum(axis=1))),
        in_sums=keeper.address(_times_128(weight.sum(axis=0))),
    )


def _times_128(sums: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return 128 * sums modulo 2^32: what is added with it stays within int32."""
    return (128 * sums).astype(np.int64).astype(np.uint32).view(np.int32)
