"""Imagenette at 96 x 96: ten classes of ImageNet, a training stand-in for STL-10, never called so.

STL-10's images came from ImageNet too, but its classes are others, and a mirror may hold only its
test images. From the official archive of photos with a shorter side of 160 pixels: the central
square, downsized to 96 pixels with Pillow's LANCZOS, shuffled with a fixed seed, as the archive is
sorted by class.
"""

import io
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bitprior_train.data.archive_members import damaged, read_members
from bitprior_train.data.formats import Parts

SIDE = 96
_MEMBER = re.compile(r"imagenette2-160/(train|val)/n\d{8}/[\w.-]+\.JPEG")
_LIMIT = 2**20  # bytes of a JPEG; the largest are some 50 kB
_PIXELS = 2**22


def read_imagenette(paths: Sequence[Path]) -> Parts:
    """Read a .tgz of JPEG photos in the folders train/ and val/."""
    parts: dict[str, list[NDArray[np.uint8]]] = {"train": [], "val": []}
    for name, data in read_members(paths[0], _limit):
        parts[name.split("/")[1]].append(_photo(paths[0], name, data))
    if not all(parts.values()):
        raise damaged(paths[0], "photos in train/ and in val/", "none in one of them")
    train, test = (
        np.random.default_rng(seed).permutation(np.stack(images))
        for seed, images in enumerate(parts.values())
    )
    return train, test


def _limit(name: str) -> int:
    return _LIMIT if _MEMBER.fullmatch(name) else 0


def _photo(path: Path, name: str, data: bytes) -> NDArray[np.uint8]:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            width, height = image.size
            if width * height > _PIXELS:
                raise damaged(path, f"photos of at most {_PIXELS} pixels", f"{width} x {height}")
            side = min(width, height)
            left, top = (width - side) // 2, (height - side) // 2
            square = image.convert("RGB").crop((left, top, left + side, top + side))
    except (OSError, Image.DecompressionBombError) as error:
        raise damaged(path, f"a JPEG as {name}", str(error)) from error
    return np.asarray(square.resize((SIDE, SIDE), Image.Resampling.LANCZOS), np.uint8)
