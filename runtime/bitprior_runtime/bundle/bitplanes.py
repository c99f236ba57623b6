"""Bit planes: b-bit codes in exactly b bits each.

Plane p holds bit p of every code, least significant plane first. Within a plane, code i of the
tensor in C order is bit (i mod 8) of byte (i div 8), counted from the least significant bit. A
plane is ceil(N/8) bytes long; the bits behind the last code are zero.
"""

import math

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.bundle.errors import BlockShapeError, PadBitsError
from bitprior_runtime.errors import UsageError

MAX_BITS = 8
# Codes unpacked at a time: the temporaries stay small however large the tensor is.
_CHUNK_BYTES = 2**17


def plane_bytes(count: int) -> int:
    """Return the bytes of one plane of ``count`` codes."""
    return -(-count // 8)


def pack(codes: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """Pack codes into bit planes.

    Args:
        codes: uint8 of any shape, each below 2^bits.
        bits: Bit width b, 1 to 8.

    Returns:
        uint8 [b, ceil(N/8)], with N the number of codes.

    Raises:
        UsageError: A wrong bit width or dtype, no codes, or a code of more than b bits.
    """
    _check_bits(bits)
    if codes.dtype != np.uint8 or codes.size == 0:
        raise UsageError(
            "at least one uint8 code", f"{codes.size} codes of {codes.dtype}", "convert them first"
        )
    if int(codes.max()) >= 2**bits:
        raise UsageError(
            f"codes below 2^{bits}", f"{int(codes.max())}", "quantise to fewer levels, or more bits"
        )
    flat = codes.reshape(-1)
    planes = [np.packbits((flat >> p) & 1, bitorder="little") for p in range(bits)]
    return np.stack(planes)


def unpack(planes: NDArray[np.uint8], shape: tuple[int, ...], bits: int) -> NDArray[np.uint8]:
    """Unpack bit planes into codes.

    Args:
        planes: uint8 [b, ceil(N/8)].
        shape: The weight's shape, of N values.
        bits: Bit width b, 1 to 8.

    Returns:
        Codes, uint8 in ``shape``, each in 0..2^b - 1.

    Raises:
        UsageError: A wrong bit width.
        BlockShapeError: The planes do not have b x ceil(N/8) bytes.
        PadBitsError: A bit behind the last code is not zero.
    """
    _check_bits(bits)
    count = math.prod(shape)
    wanted = (bits, plane_bytes(count))
    if planes.shape != wanted or planes.dtype != np.uint8:
        raise BlockShapeError(
            f"bit planes of shape {wanted} (uint8) for {count} codes of {bits} bits",
            f"shape {planes.shape} ({planes.dtype})",
            "pass the planes as they were packed",
        )
    _check_pad(planes, count)
    codes = np.zeros(count, dtype=np.uint8)
    for start in range(0, wanted[1], _CHUNK_BYTES):
        part = codes[8 * start : 8 * (start + _CHUNK_BYTES)]
        for p in range(bits):
            chunk = planes[p, start : start + _CHUNK_BYTES]
            part |= np.unpackbits(chunk, count=part.size, bitorder="little") << np.uint8(p)
    return codes.reshape(shape)


def _check_bits(bits: int) -> None:
    if not 1 <= bits <= MAX_BITS:
        raise UsageError(f"1 to {MAX_BITS} bits", f"{bits}", "choose another bit width")


def _check_pad(planes: NDArray[np.uint8], count: int) -> None:
    used = count % 8
    if used and np.any(planes[:, -1] >> used):
        raise PadBitsError(
            f"zero in the last {8 - used} bits of each plane of {count} codes",
            "a bit that is set",
            "write the planes again with pad bits zero",
        )
