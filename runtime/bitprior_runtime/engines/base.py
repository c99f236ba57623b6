"""The engine interface: an arithmetic in which G, A and the gradient are worked out."""

from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray


class Engine(Protocol):
    """What a solver needs: f(z) = ||y - A(G(z))||^2 per row and its gradient.

    Attributes:
        name: Engine name, e.g. ``"float"``.
        kernel: Kernel name, e.g. ``"numpy"``.
    """

    name: str
    kernel: str

    def generate(self, z: NDArray[Any]) -> NDArray[Any]:
        """Return G(z): images [B,C,H,W] in [0,1] from latents [B,k]."""
        ...

    def sense(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return A(x): measurements [B,m] from images [B,C,H,W]."""
        ...

    def loss(self, z: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
        """Return f(z), [B]."""
        ...

    def value_and_grad(self, z: NDArray[Any], y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return f(z), [B], and its gradient with respect to z, [B,k]."""
        ...


@runtime_checkable
class DifferentiableEngine(Engine, Protocol):
    """An engine that also gives single products with the Jacobian J = d A(G(z)) / dz, [m,k]."""

    def vjp(self, z: NDArray[Any], cotangent: NDArray[Any]) -> NDArray[Any]:
        """Return J^T c, [B,k], for cotangents c [B,m] of the measurements.

        Latents z [B,k], one a cotangent; or [1,k], one for all of them.
        """
        ...
