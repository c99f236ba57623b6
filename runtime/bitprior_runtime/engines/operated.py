"""A prior on a frame with an operator, as the engine that every solver takes."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.sensing.exact import ExactRectangles
from bitprior_runtime.sensing.exact_estimate import loss_in_order
from bitprior_runtime.sensing.operator import Operator

Array = NDArray[Any]

# Values of latents that go through the prior together where images are drawn.
_LATENTS = 2**24


class Prior(Protocol):
    """What is needed of a prior that is bound to a frame."""

    @property
    def latent(self) -> int: ...  # noqa: D102

    def generate(self, z: Array) -> Array:
        """Return G(z), [B,C,H,W], of latents [B,k]."""
        ...

    def vjp(self, z: Array, cotangent: Array) -> Array:
        """Return J_G^T c, [B,k], of cotangents [B,C,H,W]."""
        ...


class OperatedEngine:
    """f(z) = ||y - A G(z)||^2 with the prior's G and the operator's A.

    Args:
        prior: G, on the operator's frame.
        operator: A; with the exact form of one, losses too are the same bits on every machine.
        name: Name of the engine that the prior runs on.
        kernel: Name of its kernel.
    """

    def __init__(self, prior: Prior, operator: Operator, name: str, kernel: str) -> None:
        self.name, self.kernel = name, kernel
        self._prior, self._operator = prior, operator
        self._exact = isinstance(operator, ExactRectangles)

    def generate(self, z: Array) -> Array:
        """Return G(z), [B,C,H,W]: as the prior draws it, not clipped to [0,1]."""
        rows = max(1, _LATENTS // self._prior.latent)
        parts = [self._prior.generate(z[i : i + rows]) for i in range(0, len(z), rows)]
        return np.concatenate(parts)

    def sense(self, x: Array) -> Array:
        """Return A x, [B,m]."""
        return self._operator.forward(x)

    def loss(self, z: Array, y: Array) -> Array:
        """Return f(z), [B]."""
        return self._squares(self.sense(self._prior.generate(z)) - y)

    def value_and_grad(self, z: Array, y: Array) -> tuple[Array, Array]:
        """Return f(z), [B], and its gradient J_G^T A^T 2 (A G(z) - y), [B,k]."""
        residual = self.sense(self._prior.generate(z)) - y
        return self._squares(residual), self._prior.vjp(z, self._operator.adjoint(2 * residual))

    def vjp(self, z: Array, cotangent: Array) -> Array:
        """Return J^T c, [B,k], of J = d A G(z) / dz for c [B,m] and z [B,k], or [1,k] for all."""
        z = np.broadcast_to(z, (len(cotangent), z.shape[1]))
        return self._prior.vjp(np.ascontiguousarray(z), self._operator.adjoint(cotangent))

    def _squares(self, residual: Array) -> Array:
        if self._exact:
            return loss_in_order(residual)
        loss: Array = np.einsum("bm,bm->b", residual, residual)
        return loss
