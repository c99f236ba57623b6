"""The integer kernels of one instruction set, entry by entry, on numpy arrays."""

import ctypes
from ctypes import POINTER, c_int, c_int32, c_int64, c_void_p

import numpy as np

from bitprior_runtime.kernels.integer_structs import Packed, Requantising
from bitprior_runtime.kernels.integer_weights import Keeper, pack
from bitprior_runtime.kernels.library import choose_kernel, library

TILE_OUTS, TILE_INS = 16, 4


class Product(ctypes.Structure):
    """``bp_product`` of integer_kernels.h."""

    _fields_ = (
        ("w", POINTER(Packed)),
        ("rows", c_void_p),
        ("row_stride", c_int64),
        ("count", c_int64),
        ("acc", c_void_p),
        ("acc_stride", c_int64),
        ("scratch", c_void_p),
    )


_P, _N = c_void_p, c_int64
_ENTRIES = {
    "forward": (None, POINTER(Product)),
    "transposed": (None, POINTER(Product)),
    "narrow": (None, _P, _N, _P),
    "split": (None, _P, _N, _P, _P),
    "sum": (c_int32, _P, _N),
    "combine": (None, _P, _P, _N, c_int32, c_int32, _P, _P),
    "requantise": (None, POINTER(Requantising), _P, _N, _P),
    "largest": (c_int64, _P, _P, _P, _P, _N),
    "slope": (None, _P, _P, _P, _P, _N, c_int, _P),
    "scale": (None, _P, _P, _P, _N, _P),
    "clamp": (None, _P, _N, c_int, c_int32, c_int32, _P),
    "look_up": (None, _P, _P, _N, _P),
}


class _Table(ctypes.Structure):
    _fields_ = tuple((name, ctypes.CFUNCTYPE(*types)) for name, types in _ENTRIES.items())


class Kernels:
    """The table of function pointers of one instruction set."""

    def __init__(self, instructions: str) -> None:
        self.table = _Table()
        library().bp_integer_kernels_of(choose_kernel(instructions), ctypes.byref(self.table))

    def product(self, codes, bits, rows, transposed=False):
        """Return rows [R, n] times codes [outs, ins] (or transposed), int32 [R, ...]."""
        keeper = Keeper()
        packed = pack(codes, bits, keeper)
        sides = [packed.words * TILE_INS * 8 // packed.bits, packed.strips * TILE_OUTS]
        length, outs = sides[::-1] if transposed else sides
        # Whatever lies in the padding must not matter.
        padded = np.full((len(rows), length), -77, np.int8)
        padded[:, : rows.shape[1]] = rows
        acc = np.full((len(rows), outs), 12345, np.int32)
        scratch_bytes = library().bp_scratch_bytes
        scratch_bytes.restype = c_int64
        scratch = keeper.words(-(-scratch_bytes(ctypes.byref(packed)) // 64))
        made = Product(
            ctypes.pointer(packed), _at(padded), length, len(rows), _at(acc), outs, scratch
        )
        (self.table.transposed if transposed else self.table.forward)(ctypes.byref(made))
        return acc[:, : codes.shape[1 if transposed else 0]]

    def narrow(self, q):
        """Return q as bytes."""
        found = np.empty(len(q), np.int8)
        self.table.narrow(_at(q), len(q), _at(found))
        return found

    def split(self, q):
        """Return the low and high bytes of q."""
        low, high = np.empty(len(q), np.int8), np.empty(len(q), np.int8)
        self.table.split(_at(q), len(q), _at(low), _at(high))
        return low, high

    def sum(self, values):
        """Return the sum of bytes."""
        return self.table.sum(_at(values), len(values))

    def combine(self, v, low, high, multiplier, same, each):
        """Return v with scaled sums added."""
        found = v.copy()
        self.table.combine(_at(low), _at(high), len(v), multiplier, same, _at(each), _at(found))
        return found

    def requantise(self, v, positive, positive_shift, negative, negative_shift, limit):
        """Return requantised v."""
        found = np.empty(len(v), np.int32)
        arrays = [_at(a) for a in (positive, positive_shift, negative, negative_shift)]
        rule = Requantising(*arrays, -limit, limit)
        self.table.requantise(ctypes.byref(rule), _at(v), len(v), _at(found))
        return found

    def largest(self, c, gate, positive, negative):
        """Return the largest magnitude of c times its slopes."""
        return self.table.largest(_at(c), _at(gate), _at(positive), _at(negative), len(c))

    def slope(self, c, gate, positive, negative, shift):
        """Return c times its slopes, shifted."""
        found = np.empty(len(c), np.int32)
        arrays = [_at(a) for a in (c, gate, positive, negative)]
        self.table.slope(*arrays, len(c), shift, _at(found))
        return found

    def scale(self, v, q, positive, negative):
        """Return v with q times its factors added."""
        found = v.copy()
        self.table.scale(_at(q), _at(positive), _at(negative), len(q), _at(found))
        return found

    def clamp(self, v, shift, low, high):
        """Return v shifted and clamped."""
        found = np.empty(len(v), np.int32)
        self.table.clamp(_at(v), len(v), shift, low, high, _at(found))
        return found

    def look_up(self, table, q):
        """Return a table's interpolation at q."""
        found = np.empty(len(q), np.int32)
        self.table.look_up(_at(table), _at(q), len(q), _at(found))
        return found


def _at(array):
    return None if array is None else array.ctypes.data
