"""An operator with one more measurement: the mean of the picture."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.sensing.framewise import Framewise
from bitprior_runtime.sensing.operator import FloatArray, Operator

_PROBES = 4


class WithMean(Framewise):
    """Another operator's measurements, and ``weight`` times the sum of the pixels as the last one.

    The weight makes the row of ones about as long as the others are in the root mean square, as
    four random images of a fixed seed tell.

    Args:
        operator: A.

    Attributes:
        operator: A.
        weight: Of every pixel in the last row.
    """

    def __init__(self, operator: Operator) -> None:
        super().__init__(operator.frame, operator.size + 1)
        self.operator = operator
        signs = np.random.default_rng(0).choice([-1.0, 1.0], (_PROBES, 1, *operator.frame))
        length = float(np.mean(operator.forward(signs.astype(np.float32)) ** 2))
        self.weight = float(np.sqrt(length / (operator.frame[0] * operator.frame[1]))) or 1.0

    @property
    def pixels(self) -> int:
        """Pixels of the frame."""
        return self.frame[0] * self.frame[1]

    def level(self, mean: float) -> float:
        """Return what the last measurement is of a picture whose pixels have this mean."""
        return self.weight * self.pixels * mean

    def _measured(self, images: FloatArray) -> NDArray[Any]:
        y = self.operator.forward(images[:, np.newaxis])
        sums = self.weight * images.sum(axis=(1, 2), dtype=np.float64)
        return np.concatenate([y, sums[:, np.newaxis]], axis=1)

    def _back(self, rows: FloatArray) -> NDArray[Any]:
        back = self.operator.adjoint(rows[:, :-1])[:, 0]
        return back + np.float32(self.weight) * rows[:, -1, np.newaxis, np.newaxis]

    def _words(self) -> Iterable[str]:
        return (f"{self.operator!r} and the mean",)
