"""Dead leaves: discs that cover each other, of sizes as objects in photos have (G. Matheron, 1968).

Their edges and power spectrum are like those of photos (A. Lee, D. Mumford, J. Huang, 2001). They
serve where there are no photos: for trials of a training, and tests.
"""

import numpy as np
from numpy.typing import NDArray

_SMALLEST, _LARGEST = 3.0, 60.0
_DISCS = 300


def dead_leaves(count: int, side: int, seed: int) -> NDArray[np.uint8]:
    """Draw gray images [count, side, side].

    Args:
        count: How many.
        side: Pixels a side.
        seed: Of the drawing.
    """
    random = np.random.default_rng(seed)
    images = np.zeros((count, side, side), np.uint8)
    for image in images:
        image[:] = random.integers(256)
        # Radii with density 1 / r^3: sizes are distributed alike at every distance.
        share = random.random(_DISCS)
        radius = 1 / np.sqrt(share / _SMALLEST**2 + (1 - share) / _LARGEST**2)
        for r in radius:
            row, column = random.uniform(-r, side + r, 2)
            _cover(image, row, column, r, int(random.integers(256)))
    return images


def _cover(image: NDArray[np.uint8], row: float, column: float, radius: float, gray: int) -> None:
    top, left = (max(0, int(middle - radius)) for middle in (row, column))
    box = image[top : int(row + radius) + 2, left : int(column + radius) + 2]
    y, x = np.indices(box.shape)
    box[(y + top - row) ** 2 + (x + left - column) ** 2 < radius * radius] = gray
