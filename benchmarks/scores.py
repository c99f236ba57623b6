"""How good a recovery is."""

import numpy as np


def psnr(found, images):
    """Return the mean over images of -10 log10 of the mean squared error."""
    errors = np.square(np.clip(found, 0, 1) - images).reshape(len(images), -1).mean(1)
    return float(-10 * np.log10(errors).mean())
