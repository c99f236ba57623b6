"""An operator without what its measurements say along some directions."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing.framewise import Framewise
from bitprior_runtime.sensing.operator import FloatArray, Operator

_INDEPENDENT = 1e-6  # of the largest singular value


class Projected(Framewise):
    """(I - V V^T) A: another operator's measurements, their part along some directions taken out.

    With a column of ones in V an unknown offset of all measurements is gone, with A 1 the level of
    the picture: the closed form of variable projection for what enters linearly (Golub and
    Pereyra, 1973). White noise stays white but for the directions taken out.

    Args:
        operator: A.
        directions: Columns that span V, [m, p].

    Attributes:
        operator: A.
        basis: V, orthonormal, float32 [m, p]; columns that are zero or depend on others are not
            in it.

    Raises:
        UsageError: Directions of another length, or not finite.
    """

    def __init__(self, operator: Operator, directions: NDArray[Any]) -> None:
        wide = np.asarray(directions, np.float64)
        if wide.ndim != 2 or len(wide) != operator.size or not np.isfinite(wide).all():
            expected = f"finite directions [{operator.size}, p]"
            raise UsageError(expected, f"shape {wide.shape}", "give an entry a measurement")
        super().__init__(operator.frame, operator.size)
        self.operator = operator
        lengths = np.linalg.norm(wide, axis=0)
        wide = wide[:, lengths > 0] / lengths[lengths > 0]
        u, values, _ = np.linalg.svd(wide, full_matrices=False)
        kept = values > _INDEPENDENT * values.max(initial=0.0)
        self.basis: FloatArray = np.ascontiguousarray(u[:, kept], np.float32)

    def projected(self, y: NDArray[Any]) -> FloatArray:
        """Return measurements [N,m] without their part along V."""
        rows = np.asarray(y, np.float64)
        basis = self.basis.astype(np.float64)
        return np.ascontiguousarray(rows - (rows @ basis) @ basis.T, np.float32)

    def _measured(self, images: FloatArray) -> NDArray[Any]:
        return self.projected(self.operator.forward(images[:, np.newaxis]))

    def _back(self, rows: FloatArray) -> NDArray[Any]:
        return self.operator.adjoint(self.projected(rows))[:, 0]

    def _words(self) -> Iterable[str]:
        return (f"{self.operator!r} without {self.basis.shape[1]} directions",)

    def _parts(self) -> Iterable[NDArray[Any]]:
        return (self.basis,)
