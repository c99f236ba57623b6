"""Operators for scipy's solvers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import MissingExtraError
from bitprior_runtime.sensing.operator import Operator


def to_scipy(operator: Operator) -> Any:
    """Return an operator as a ``scipy.sparse.linalg.LinearOperator`` of shape (m, H * W), float32.

    Images are flattened row by row, one channel. ``A @ x`` and ``A.T @ y`` (or ``A.H``) take
    vectors and columns of a matrix.

    Raises:
        MissingExtraError: scipy is not installed.
    """
    try:
        from scipy.sparse.linalg import LinearOperator
    except ImportError as error:
        raise MissingExtraError("scipy", "cameras", "to_scipy()") from error
    pixels = operator.frame[0] * operator.frame[1]

    def forward(columns: NDArray[Any]) -> NDArray[np.float32]:
        images = np.ascontiguousarray(columns.reshape(pixels, -1).T)
        return operator.forward(images.reshape(-1, 1, *operator.frame)).T

    def adjoint(columns: NDArray[Any]) -> NDArray[np.float32]:
        rows = np.ascontiguousarray(columns.reshape(operator.size, -1).T)
        return operator.adjoint(rows).reshape(-1, pixels).T

    return LinearOperator(
        shape=(operator.size, pixels),
        dtype=np.float32,
        matvec=lambda x: forward(x).ravel(),
        rmatvec=lambda y: adjoint(y).ravel(),
        matmat=forward,
        rmatmat=adjoint,
    )
