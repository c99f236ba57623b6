"""scikit-learn's handwritten digits: 1,797 8x8 scans that ship inside the package."""

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import MissingExtraError

LICENCE = (
    "Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, 1998, UCI Machine "
    "Learning Repository, CC BY 4.0; as shipped in scikit-learn"
)


def read_digits() -> NDArray[np.uint8]:
    """Return the digits, uint8 [1797, 1, 8, 8], values 0 to 16."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise MissingExtraError("scikit-learn", "train", "the digits data set") from error
    images = np.asarray(load_digits().images)
    return np.ascontiguousarray(images.astype(np.uint8)[:, None])
