"""Several images on one sheet."""

import math

import numpy as np
from numpy.typing import NDArray


def contact_sheet(images: NDArray[np.float32], gap: int = 2) -> NDArray[np.float32]:
    """Lay images out in a near-square grid, row by row.

    Args:
        images: [B,C,H,W] in [0,1], B >= 1.
        gap: Mid-gray pixels between images.

    Returns:
        [C,H',W']; one image comes back as it is.
    """
    count, channels, height, width = images.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    sheet = np.full(
        (channels, rows * (height + gap) - gap, columns * (width + gap) - gap), 0.5, np.float32
    )
    for index, image in enumerate(images):
        top, left = (index // columns) * (height + gap), (index % columns) * (width + gap)
        sheet[:, top : top + height, left : left + width] = image
    return sheet
