"""Operators made of others: some of the rows of one, or its rows with weights."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing.framewise import Framewise
from bitprior_runtime.sensing.indices import check_indices
from bitprior_runtime.sensing.operator import FloatArray, Operator


class Rows(Framewise):
    """Some of the measurements of an operator, in any order, also several times.

    An operator that can take some of its own rows does so (Hadamard keeps its fast transform,
    patterns leave the others out); of another one all are measured, and these kept.

    Args:
        operator: A.
        indices: Numbers of the measurements [k], or a mask of booleans [m].

    Attributes:
        operator: A.
        indices: Numbers, [k].
        inner: The operator of these rows alone, where A can make it; else None.

    Raises:
        UsageError: Numbers out of range, or none.
    """

    def __init__(self, operator: Operator, indices: NDArray[Any]) -> None:
        self.operator = operator
        self.indices = check_indices(indices, operator.size, "measurements")
        super().__init__(operator.frame, len(self.indices))
        self._once = len(np.unique(self.indices)) == len(self.indices)
        taken = getattr(operator, "taken", None)
        self.inner: Operator | None = taken(self.indices) if taken and self._once else None

    def _measured(self, images: FloatArray) -> FloatArray:
        whole = images[:, np.newaxis]
        if self.inner is not None:
            return self.inner.forward(whole)
        return self.operator.forward(whole)[:, self.indices]

    def _back(self, rows: FloatArray) -> FloatArray:
        if self.inner is not None:
            return self.inner.adjoint(rows)[:, 0]
        spread = np.zeros((len(rows), self.operator.size), np.float32)
        if self._once:
            spread[:, self.indices] = rows
        else:
            np.add.at(spread.T, self.indices, rows.T)
        return self.operator.adjoint(spread)[:, 0]

    def _words(self) -> Iterable[str]:
        return (f"rows of {self.operator!r}",)

    def _parts(self) -> Iterable[NDArray[Any]]:
        return (self.indices, *_parts_of(self.operator))


class Weighted(Framewise):
    """An operator whose every measurement is multiplied by a weight of its own.

    With weights 1 / sigma_i, and readings multiplied likewise, noise of any deviations sigma_i
    becomes noise of deviation 1.

    Args:
        operator: A.
        weights: [m], finite.

    Attributes:
        operator: A.
        weights: As float32.

    Raises:
        UsageError: Another number of weights, not finite, or all zero.
    """

    def __init__(self, operator: Operator, weights: NDArray[Any]) -> None:
        found = np.asarray(weights)
        expected = f"finite weights [{operator.size}], one for each measurement"
        if found.dtype.kind not in "fiub" or found.shape != (operator.size,):
            given = f"dtype {found.dtype}, shape {found.shape}"
            raise UsageError(expected, given, "give a weight for each measurement")
        with np.errstate(over="ignore"):
            self.weights: FloatArray = np.ascontiguousarray(found, np.float32)
        if not np.isfinite(self.weights).all() or not self.weights.any():
            raise UsageError(expected, "NaN, Inf (as float32) or only zeros", "check the weights")
        self.operator = operator
        super().__init__(operator.frame, operator.size)

    def taken(self, indices: NDArray[np.int64]) -> "Weighted":
        """Return the operator of some of its measurements."""
        return Weighted(Rows(self.operator, indices), self.weights[indices])

    def _measured(self, images: FloatArray) -> FloatArray:
        return self.operator.forward(images[:, np.newaxis]) * self.weights

    def _back(self, rows: FloatArray) -> FloatArray:
        return self.operator.adjoint(rows * self.weights)[:, 0]

    def _words(self) -> Iterable[str]:
        return (f"weighted {self.operator!r}",)

    def _parts(self) -> Iterable[NDArray[Any]]:
        return (self.weights, *_parts_of(self.operator))


def _parts_of(operator: Operator) -> Iterable[NDArray[Any]]:
    digest = getattr(operator, "digest", "")
    return (np.frombuffer(digest.encode(), np.uint8),)
