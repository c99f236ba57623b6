"""Images from .npy arrays or image files, in the geometry of a prior."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import MissingExtraError, UsageError
from bitprior_runtime.files import read_bytes
from bitprior_runtime.images.arrays import read_array

MAX_IMAGE_BYTES = 2**28


def read_images(
    path: str | os.PathLike[str], geometry: tuple[int, int, int]
) -> NDArray[np.float32]:
    """Read images for sensing.

    Args:
        path: A .npy file [B,C,H,W] in [0,1], or an image file that OpenCV reads. An image file
            is cropped to the centre of the prior's aspect ratio and resized by area.
        geometry: (C, H, W) of the prior.

    Returns:
        float32 [B,C,H,W] in [0,1].

    Raises:
        MissingFileError: It cannot be read.
        MissingExtraError: An image file, and OpenCV is not installed.
        UsageError: Not an image; wrong shape; values outside [0,1], NaN or Inf.
    """
    if Path(path).suffix == ".npy":
        return check_images(read_array(path, "images [B,C,H,W]"), geometry)
    pixels = decode_image(read_bytes(path, MAX_IMAGE_BYTES), path, gray=geometry[0] == 1)
    return fit_image(pixels, geometry)[np.newaxis]


def read_whole_images(path: str | os.PathLike[str], channels: int) -> NDArray[np.float32]:
    """Read images in the size they have.

    Args:
        path: A .npy file [B,C,H,W] in [0,1], or an image file that OpenCV reads.
        channels: C: 1 reads image files as gray.

    Returns:
        float32 [B,C,H,W] in [0,1].

    Raises:
        MissingFileError: It cannot be read.
        MissingExtraError: An image file, and OpenCV is not installed.
        UsageError: Not an image; wrong shape; values outside [0,1], NaN or Inf.
    """
    if Path(path).suffix == ".npy":
        images = read_array(path, "images [B,C,H,W]")
        height, width = images.shape[2:] if images.ndim == 4 else (1, 1)
        return check_images(images, (channels, height, width))
    pixels = decode_image(read_bytes(path, MAX_IMAGE_BYTES), path, gray=channels == 1)
    return fit_image(pixels, (channels, *pixels.shape[:2]))[np.newaxis]


def check_images(images: NDArray[Any], geometry: tuple[int, int, int]) -> NDArray[np.float32]:
    """Check images against the geometry (C, H, W) of a prior and the range [0,1].

    Returns:
        float32 [B,C,H,W].

    Raises:
        UsageError: Wrong type or shape; values outside [0,1], NaN or Inf.
    """
    wanted = "float32 images [B,{},{},{}] in [0,1]".format(*geometry)
    if images.dtype.kind != "f":
        raise UsageError(wanted, f"dtype {images.dtype}", "divide bytes by 255 first")
    if images.ndim != 4 or images.shape[1:] != geometry or len(images) == 0:
        raise UsageError(wanted, f"shape {images.shape}", "resize, or choose another bundle")
    if not np.isfinite(images).all():
        raise UsageError(wanted, "NaN or Inf", "check the sensor or the file")
    low, high = float(images.min()), float(images.max())
    if low < 0 or high > 1:
        raise UsageError(wanted, f"values from {low:g} to {high:g}", "scale them to [0,1]")
    return np.ascontiguousarray(images, dtype=np.float32)


def decode_image(
    data: bytes, path: str | os.PathLike[str], gray: bool = False
) -> NDArray[np.uint8]:
    """Decode the bytes of an image file.

    Args:
        data: What was read.
        path: Where from, for messages.
        gray: Decode to gray instead of RGB.

    Returns:
        uint8 [H,W] or [H,W,3].

    Raises:
        MissingExtraError: OpenCV is not installed.
        UsageError: Not an image.
    """
    try:
        import cv2
    except ImportError as error:
        raise MissingExtraError("cv2", "devices", "reading image files") from error
    flag = cv2.IMREAD_GRAYSCALE if gray else cv2.IMREAD_COLOR
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flag) if data else None
    except cv2.error:
        pixels = None
    if pixels is None:
        raise UsageError(
            f"an image file (PNG, JPEG, ...) or a .npy array in {path}",
            f"{len(data)} bytes that are neither",
            "convert it to PNG",
        )
    if not gray:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    return np.asarray(pixels, dtype=np.uint8)


def fit_image(pixels: NDArray[np.uint8], geometry: tuple[int, int, int]) -> NDArray[np.float32]:
    """Crop to the centre, resize by area, and go from HWC bytes to CHW floats.

    Args:
        pixels: uint8 [H,W,C], or [H,W] where C = 1.
        geometry: (C, H, W) of the prior.

    Returns:
        float32 (C, H, W) in [0,1].
    """
    import cv2

    _, height, width = geometry
    rows, columns = pixels.shape[:2]
    if (rows, columns) != (height, width):
        tall = min(rows, max(1, columns * height // width))
        wide = min(columns, max(1, rows * width // height))
        top, left = (rows - tall) // 2, (columns - wide) // 2
        cropped = np.ascontiguousarray(pixels[top : top + tall, left : left + wide])
        resized = cv2.resize(cropped, (width, height), interpolation=cv2.INTER_AREA)
        pixels = np.asarray(resized, dtype=np.uint8)
    channels_last = pixels.reshape(height, width, geometry[0])
    return np.ascontiguousarray(channels_last.transpose(2, 0, 1), dtype=np.float32) / np.float32(
        255
    )
