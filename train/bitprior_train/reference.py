"""Recovery by autograd: the definition that every engine without torch is compared with."""

from collections.abc import Callable

import torch
from torch import Tensor

Network = Callable[[Tensor], Tensor]


def unit_normal(count: int, latent: int, generator: torch.Generator) -> Tensor:
    """Draw z0 [count, latent] ~ N(0, I), each row scaled to unit L2 norm."""
    return unit_rows(torch.randn(count, latent, generator=generator))


def unit_rows(z: Tensor) -> Tensor:
    """Scale each row of z [B, k] to unit L2 norm."""
    return torch.nn.functional.normalize(z, dim=1)


def hard_threshold(z: Tensor, s: int) -> Tensor:
    """P_s: keep the s largest |z_i| of each row, zero the others; ties go to the lowest index."""
    if s >= z.shape[1]:
        return z
    # A stable sort, not topk, which leaves open which of equal entries it returns.
    kept = z.detach().abs().sort(dim=1, descending=True, stable=True).indices[:, :s]
    return z * torch.zeros_like(z).scatter(1, kept, 1.0)


def measurement_error(G: Network, A: Network, z: Tensor, y: Tensor) -> Tensor:  # noqa: N803
    """f(z) = ||y - A(G(z))||^2 of each row, summed over the m measurements; [B]."""
    return (y - A(G(z))).square().sum(1)


def value_and_grad(
    G: Network,  # noqa: N803
    A: Network,  # noqa: N803
    z: Tensor,
    y: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return f(z) [B] and its gradient with respect to z [B, k]."""
    z = z.detach().requires_grad_()
    f = measurement_error(G, A, z, y)
    (gradient,) = torch.autograd.grad(f.sum(), z)
    return f.detach(), gradient


def proximal(
    G: Network,  # noqa: N803
    A: Network,  # noqa: N803
    y: Tensor,
    z0: Tensor,
    *,
    beta: float,
    s: int,
    steps: int,
    on_sphere: bool = False,
) -> tuple[list[Tensor], list[Tensor]]:
    """Iterate z <- P_s(z - beta grad f(z)), ``steps`` times from z0.

    With ``on_sphere`` z0 and the latent after every step are scaled to unit norm.

    Returns:
        The steps + 1 latents [B, k] and their losses f [B], z0's first.
    """
    latents, losses = [unit_rows(z0) if on_sphere else z0], []
    for _ in range(steps):
        f, gradient = value_and_grad(G, A, latents[-1], y)
        losses.append(f)
        z = hard_threshold(latents[-1] - beta * gradient, s)
        latents.append(unit_rows(z) if on_sphere else z)
    with torch.no_grad():
        losses.append(measurement_error(G, A, latents[-1], y))
    return latents, losses
