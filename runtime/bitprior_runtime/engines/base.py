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


@runtime_checkable
class ProximalEngine(Engine, Protocol):
    """An engine that runs the whole proximal loop by itself, with nothing of Python in it."""

    def loops(self, sparsity: int | None) -> bool:
        """Return whether its loop can keep that many entries of a latent (None: all)."""
        ...

    def proximal(
        self,
        z0: NDArray[Any],
        y: NDArray[Any],
        step_size: float,
        steps: int,
        sparsity: int | None,
        tolerance: float,
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Do, bit for bit, what the proximal solver does with a fixed step.

        Args:
            z0: Start latents [B,k].
            y: Measurements [B,m].
            step_size: beta.
            steps: T, at least 1.
            sparsity: s of P_s, or None for dense latents.
            tolerance: See ``ProximalOptions``.

        Returns:
            z_T [B,k] and f along the way, [steps + 1, B].
        """
        ...
