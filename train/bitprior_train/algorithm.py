"""Algorithm 1 of Q-GEN: one training step of the quantised prior and its sensing network."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from bitprior_train.config import InnerConfig, LossConfig
from bitprior_train.losses import (
    gradient_difference_loss,
    measurement_loss,
    s_rec,
    signed_range,
)
from bitprior_train.reference import hard_threshold, unit_rows

Network = Callable[[Tensor], Tensor]
Gradients = tuple[tuple[Tensor, ...], tuple[Tensor, ...]]  # by θ, by φ


@dataclass(frozen=True)
class Losses:
    """The losses of one batch, scalars with graph: L_G, L_A, L_GDL before weighting, L after.

    ``distillation`` is that of :func:`distilled`, or None.
    """

    measurement: Tensor
    s_rec: Tensor
    gradient_difference: Tensor
    total: Tensor
    distillation: Tensor | None = None


def losses(
    G: Network,  # noqa: N803
    A: Network,  # noqa: N803
    x: Tensor,
    z0: Tensor,
    log_beta: Tensor,
    s: int,
    inner: InnerConfig,
    weights: LossConfig,
    *,
    on_sphere: bool = False,
) -> Losses:
    """Recover x from y = A(x) by T proximal steps and say how well that went.

    Args:
        G: The generator with quantised weights θ_Q.
        A: The sensing network.
        x: Images [B, C, H, W] in [0, 1].
        z0: Latents to start from, [B, k].
        log_beta: Logarithm of the step size.
        s: Non-zeros that P_s keeps.
        inner: T and the order of differentiation.
        weights: Weights and form of the losses.
        on_sphere: Whether z0 and the latents after every step are scaled to unit norm.
    """
    y, beta = A(x), log_beta.exp()
    second = inner.order == "second"
    z = (unit_rows(z0) if on_sphere else z0).detach().requires_grad_()
    x_0 = G(z)
    y_0 = A(x_0)
    x_T, y_T = x_0, y_0  # noqa: N806
    for _ in range(inner.steps):
        f = (y - y_T).square().sum()
        (gradient,) = torch.autograd.grad(f, z, create_graph=second, retain_graph=True)
        z = hard_threshold(z - beta * gradient, s)
        z = unit_rows(z) if on_sphere else z
        x_T = G(z)  # noqa: N806
        y_T = A(x_T)  # noqa: N806

    u, u_0, u_T = signed_range(x), signed_range(x_0), signed_range(x_T)  # noqa: N806
    l_g = measurement_loss(y, y_T)
    pairs = ((u_T, u_0, y_T, y_0), (u_T, u, y_T, y), (u_0, u, y_0, y))
    l_a = torch.stack([s_rec(*pair, weights) for pair in pairs]).mean()
    l_gdl = gradient_difference_loss(u, u_T)
    total = weights.measurement * l_g + weights.s_rec * l_a + weights.gradient_difference * l_gdl
    return Losses(l_g, l_a, l_gdl, total)


def distilled(
    loss: Losses,
    G: Network,  # noqa: N803
    teacher: Network,
    z: Tensor,
    weight: float,
) -> Losses:
    """Return losses with weight * ||G(z) - teacher(z)||^2 added: summed over pixels, batch mean.

    Args:
        loss: Losses of the batch.
        G: The generator with quantised weights θ_Q.
        teacher: The 32-bit prior that the run started from; it learns nothing.
        z: Latents [B, k], constants: the last ones of the batch.
        weight: Weight of the distance.
    """
    with torch.no_grad():
        wanted = signed_range(teacher(z))
    distance = (signed_range(G(z)) - wanted).square().flatten(1).sum(1).mean()
    return replace(loss, total=loss.total + weight * distance, distillation=distance)


def gradients(
    loss: Losses,
    theta: Sequence[Tensor],
    phi: Sequence[Tensor],
    weights: LossConfig,
    *,
    joint: bool = False,
) -> Gradients:
    """Return (∇_θ L, ∇_φ λ_A L_A): the sensing network learns from S-REC alone.

    With ``joint`` it learns from all, (∇_θ L, ∇_φ L). No φ: no gradients of it.

    Both are total derivatives, through the unrolled steps. Two passes over one graph, each
    computing only what its own parameters need.
    """
    if joint:
        both = torch.autograd.grad(loss.total, [*theta, *phi])
        return both[: len(theta)], both[len(theta) :]
    grad_theta = torch.autograd.grad(loss.total, theta, retain_graph=bool(phi))
    if not phi:
        return grad_theta, ()
    grad_phi = torch.autograd.grad(weights.s_rec * loss.s_rec, phi)
    return grad_theta, grad_phi
