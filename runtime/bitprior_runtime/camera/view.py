"""Patterns that lie on the picture in another way than their file says: turned or mirrored."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing.framewise import Framewise
from bitprior_runtime.sensing.operator import FloatArray, Operator

Turn = Callable[[NDArray[Any]], NDArray[Any]]

# How a pattern [..., h, w] becomes that of the picture, and how a picture goes back.
_TURNS: Mapping[str, tuple[Turn, Turn]] = {
    "as-written": (lambda p: p, lambda x: x),
    "transposed": (lambda p: p.swapaxes(-1, -2), lambda x: x.swapaxes(-1, -2)),
    "flipped-up-down": (lambda p: p[..., ::-1, :], lambda x: x[..., ::-1, :]),
    "flipped-left-right": (lambda p: p[..., ::-1], lambda x: x[..., ::-1]),
    "half-turn": (lambda p: p[..., ::-1, ::-1], lambda x: x[..., ::-1, ::-1]),
    "quarter-left": (
        lambda p: np.rot90(p, 1, axes=(-2, -1)),
        lambda x: np.rot90(x, -1, axes=(-2, -1)),
    ),
    "quarter-right": (
        lambda p: np.rot90(p, -1, axes=(-2, -1)),
        lambda x: np.rot90(x, 1, axes=(-2, -1)),
    ),
}
VIEWS = tuple(_TURNS)


class Viewed(Framewise):
    """An operator whose patterns are turned or mirrored before they lie on the picture.

    Args:
        operator: The patterns as they are in their file.
        view: One of :data:`VIEWS`.

    Raises:
        UsageError: No such view.
    """

    def __init__(self, operator: Operator, view: str) -> None:
        if view not in _TURNS:
            expected = f"a view: {', '.join(VIEWS)}"
            raise UsageError(expected, f"{view!r}", "use one of these")
        self._operator, self._view = operator, view
        self._there, self._back_again = _TURNS[view]
        height, width = self._there(np.empty(operator.frame, bool)).shape
        super().__init__((height, width), operator.size)

    def shown(self, pictures: NDArray[Any]) -> FloatArray:
        """Return pictures [..., H, W] of the patterns as they are written as they lie here."""
        return np.ascontiguousarray(self._there(pictures), np.float32)

    def as_written(self, pictures: NDArray[Any]) -> FloatArray:
        """Return pictures [..., H, W] as they lie here as those of the patterns as written."""
        return np.ascontiguousarray(self._back_again(pictures), np.float32)

    def _measured(self, images: FloatArray) -> NDArray[Any]:
        return self._operator.forward(self._back_again(images)[:, np.newaxis])

    def _back(self, rows: FloatArray) -> NDArray[Any]:
        return self._there(self._operator.adjoint(rows)[:, 0])

    def _words(self) -> tuple[str, ...]:
        return (self._view, repr(self._operator), str(getattr(self._operator, "digest", "")))
