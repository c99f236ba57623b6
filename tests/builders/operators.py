"""Operators as small matrices, for tests to compare with."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.sensing.operator import Operator


def dense(operator: Operator) -> NDArray[np.float64]:
    """Return A [m, H * W], measured pixel by pixel."""
    height, width = operator.frame
    pixels = np.eye(height * width).reshape(-1, 1, height, width)
    return operator.forward(pixels).astype(np.float64).T


def check_adjoint(operator: Operator, channels: int = 2, seed: int = 0) -> None:
    """Check <A x, y> = <x, A^T y> for batches of images of several channels.

    Sums of float32 round: they are held to 1e-5 of the product of the lengths.
    """
    random = np.random.default_rng(seed)
    x = random.standard_normal((2, channels, *operator.frame))
    y = random.standard_normal((2, channels * operator.size))
    forth, back = operator.forward(x), operator.adjoint(y)
    assert forth.dtype == back.dtype == np.float32
    assert forth.shape == y.shape
    assert back.shape == x.shape
    one, other = np.sum(forth * y), np.sum(x * back)
    length = np.linalg.norm(forth) * np.linalg.norm(y) + np.linalg.norm(x) * np.linalg.norm(back)
    assert abs(one - other) <= 1e-5 * length


def as_matrix(operator: Operator, x: NDArray[Any], a: NDArray[np.float64]) -> None:
    """Check that an operator and its adjoint are those of a matrix."""
    y = operator.forward(x)
    wanted = (x.reshape(len(x), x.shape[1], -1) @ a.T).reshape(len(x), -1)
    scale = np.abs(wanted).max()
    np.testing.assert_allclose(y, wanted, atol=2e-6 * scale * np.sqrt(a.shape[1]))
    back = (y.reshape(len(x), x.shape[1], -1).astype(np.float64) @ a).reshape(x.shape)
    allowed = 2e-6 * np.abs(back).max() * np.sqrt(len(a))
    np.testing.assert_allclose(operator.adjoint(y), back, atol=allowed)
