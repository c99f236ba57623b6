"""A PNG writer, so that a board without OpenCV can show what it recovered.

Pictures are stored uncompressed: the same image gives the same bytes on every machine, which a
compressor of another version would not. Patterns for a display are compressed.
"""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {1: 0, 3: 2}  # channels -> PNG colour type: gray, RGB


def to_bytes(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Round values in [0, 1] to 0..255; what lies outside is clipped."""
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)


def encode_png(image: NDArray[np.float32]) -> bytes:
    """Encode one image.

    Args:
        image: float32 [C,H,W] in [0,1], C = 1 (gray) or 3 (RGB).

    Returns:
        The bytes of an 8-bit PNG file.

    Raises:
        UsageError: Another number of axes or channels.
    """
    if image.ndim != 3 or image.shape[0] not in _COLOUR_TYPES:
        raise UsageError(
            "an image [1,H,W] or [3,H,W]", f"shape {image.shape}", "write it as .npy instead"
        )
    channels, height, width = image.shape
    rows = to_bytes(image).transpose(1, 2, 0).reshape(height, width * channels)
    filtered = np.zeros((height, 1 + width * channels), dtype=np.uint8)  # filter type 0: none
    filtered[:, 1:] = rows
    return _file(
        width, height, 8, _COLOUR_TYPES[channels], zlib.compress(filtered.tobytes(), level=0)
    )


def encode_gray(pixels: NDArray[np.bool_] | NDArray[np.uint8]) -> bytes:
    """Encode one gray image as it is, compressed: for many images of few values.

    Args:
        pixels: [H,W], booleans (a PNG file of 1 bit a pixel, True is white), or uint8 (8 bits).

    Raises:
        UsageError: Another number of axes or type.
    """
    if pixels.ndim != 2 or pixels.dtype not in (np.bool_, np.uint8):
        found = f"shape {pixels.shape}, dtype {pixels.dtype}"
        raise UsageError("an image [H,W] of bool or uint8", found, "convert it")
    height, width = pixels.shape
    bits = pixels.dtype == np.bool_
    rows = np.packbits(pixels, axis=1) if bits else pixels
    filtered = np.zeros((height, 1 + rows.shape[1]), dtype=np.uint8)  # filter type 0: none
    filtered[:, 1:] = rows
    return _file(
        width, height, 1 if bits else 8, _COLOUR_TYPES[1], zlib.compress(filtered.tobytes())
    )


def _file(width: int, height: int, depth: int, colour_type: int, data: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    chunks = [_chunk(b"IHDR", header), _chunk(b"IDAT", data), _chunk(b"IEND", b"")]
    return b"".join([_SIGNATURE, *chunks])


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
