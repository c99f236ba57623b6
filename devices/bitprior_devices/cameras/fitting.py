"""Frames in the geometry of a prior."""

import numpy as np
from numpy.typing import NDArray

from bitprior_devices.cameras.opencv import import_cv2
from bitprior_devices.cameras.source import Pixels
from bitprior_runtime.errors import UsageError
from bitprior_runtime.images.read import fit_image


def check_geometry(geometry: tuple[int, int, int]) -> None:
    """Check that a prior's images are gray or RGB.

    Raises:
        UsageError: They have another number of channels.
    """
    if geometry[0] not in (1, 3):
        raise UsageError(
            "a prior of gray or RGB images, for a camera",
            f"{geometry[0]} channels",
            "choose another bundle",
        )


def fit_frames(frames: Pixels, geometry: tuple[int, int, int]) -> NDArray[np.float32]:
    """Crop to the centre of the prior's aspect ratio, resize by area, and make gray if it is.

    Args:
        frames: RGB, uint8 [N,H,W,3].
        geometry: (C, H, W) of the prior, C = 1 or 3.

    Returns:
        float32 [N,C,H,W] in [0,1].
    """
    if geometry[0] == 3:
        return np.stack([fit_image(frame, geometry) for frame in frames])
    cv2 = import_cv2()
    return np.stack(
        [fit_image(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), geometry) for frame in frames]
    )
