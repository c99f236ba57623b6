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
    y, x = np.indices((side, side))
    images = np.zeros((count, side, side), np.uint8)
    for image in images:
        image[:] = random.integers(256)
        # Radii with density 1 / r^3: sizes are distributed alike at every distance.
        share = random.random(_DISCS)
        radius = 1 / np.sqrt(share / _SMALLEST**2 + (1 - share) / _LARGEST**2)
        for r in radius:
            row, column = random.uniform(-r, side + r, 2)
            image[(y - row) ** 2 + (x - column) ** 2 < r * r] = random.integers(256)
    return images
