"""The engine interface: an arithmetic in which G, A and the gradient are worked out."""

from dataclasses import dataclass
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


@dataclass(frozen=True)
class Loop:
    """A proximal loop with a fixed step; see ``ProximalOptions``.

    Attributes:
        steps: T, at least 1.
        step_size: beta.
        sparsity: s of P_s, or None for dense latents.
        tolerance: When a row stops.
        momentum: With Nesterov's momentum and its restarts.
        unit_sphere: Every latent is scaled to unit norm.
    """

    steps: int
    step_size: float
    sparsity: int | None = None
    tolerance: float = 0.0
    momentum: bool = False
    unit_sphere: bool = False


@runtime_checkable
class ProximalEngine(Engine, Protocol):
    """An engine that runs the whole proximal loop by itself, with nothing of Python in it."""

    def loops(self, loop: Loop) -> bool:
        """Return whether it has that loop."""
        ...

    def proximal(
        self, z0: NDArray[Any], y: NDArray[Any], loop: Loop
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Do, bit for bit, what the proximal solver does with a fixed step.

        Args:
            z0: Start latents [B,k].
            y: Measurements [B,m].
            loop: Steps and step size, and what follows a step.

        Returns:
            The last latents [B,k]; f along the way, [T + 1, B], the last value repeated where a
            row has stopped; and the steps each row took, [B].
        """
        ...
