"""Images from files: .npz archives, .npy arrays, image files and folders of them."""

import io
import os
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError
from bitprior_runtime.files import read_bytes
from bitprior_runtime.images.read import check_images, read_images

MAX_ARCHIVE_BYTES = 64 * 2**20
MAX_IMAGES = 1024
# RuntimeError, too: encrypted files and unknown compression methods.
BROKEN_ARCHIVE = (
    OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error
)  # fmt: skip


def load_images(
    path: str | os.PathLike[str], geometry: tuple[int, int, int]
) -> NDArray[np.float32]:
    """Return images in a prior's geometry, at most MAX_IMAGES.

    Args:
        path: An .npz archive with ``images``, an .npy array [N,C,H,W], an image file, or a folder
            of image files, which are taken in the order of their names.
        geometry: (C, H, W).

    Raises:
        MissingFileError: It cannot be read.
        UsageError: No images, or images of another geometry or range.
    """
    source = Path(path)
    if source.is_dir():
        files = sorted(entry for entry in source.iterdir() if entry.is_file())[:MAX_IMAGES]
        if not files:
            raise UsageError(f"image files in the folder {source}", "none", "name another folder")
        return np.concatenate([read_images(file, geometry) for file in files])[:MAX_IMAGES]
    if source.suffix != ".npz":
        return read_images(source, geometry)[:MAX_IMAGES]
    data = read_bytes(source, MAX_ARCHIVE_BYTES)
    try:
        images = read_archive(data)
    except BROKEN_ARCHIVE as error:
        raise UsageError(
            f"an archive with images [N,C,H,W] at {source}",
            f"unreadable: {error}",
            "write it with numpy.savez(path, images=array)",
        ) from error
    return check_images(images, geometry)[:MAX_IMAGES]


def read_archive(data: bytes, name: str = "images") -> NDArray[Any]:
    """Return the array ``name`` of an .npz archive, its size checked first.

    Raises:
        One of BROKEN_ARCHIVE: It is damaged, too large or something else.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        size = archive.getinfo(f"{name}.npy").file_size
        if size > MAX_ARCHIVE_BYTES:
            raise ValueError(f"{size} bytes of {name}")
        array: NDArray[Any] = np.lib.format.read_array(
            io.BytesIO(archive.read(f"{name}.npy")), allow_pickle=False
        )
    return array
