"""The latent an engine drew last: a product with J^T there need not draw it again."""

from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Kept = TypeVar("Kept")


class LastDrawn(Generic[Kept]):
    """What the last call has left, if it was made for one latent.

    A search draws an image, looks at what it would measure, and goes back from there: for large
    images the second drawing would be a third of the work. More rows than one are not kept: they
    may be spread over threads.
    """

    def __init__(self) -> None:
        self._z: Array | None = None
        self._kept: Kept | None = None

    def keep(self, z: Array, kept: Kept) -> None:
        """Note that a call for latents z [B,k] has left ``kept``."""
        self.forget()
        if len(z) == 1:
            self._z, self._kept = np.array(z, np.float32), kept

    def forget(self) -> None:
        """Note that a call has left something else."""
        self._z, self._kept = None, None

    def at(self, z: Array) -> Kept | None:
        """Return what was left if it was for exactly these latents, or None."""
        if self._z is None or len(z) != 1 or not np.array_equal(self._z, z):
            return None
        return self._kept
