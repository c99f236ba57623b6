"""Algorithm 1 of Q-GEN: one training step of the quantised prior and its sensing network."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bitprior_train.config import InnerConfig, LossConfig
from bitprior_train.losses import (
    gradient_difference_loss,
    measurement_loss,
    s_rec,
    signed_range,
)
from bitprior_train.reference import hard_threshold

Network = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Losses:
    """The losses of one batch, scalars with graph: L_G, L_A, L_GDL before weighting, L after."""

    measurement: Tensor
    s_rec: Tensor
    gradient_difference: Tensor
    total: Tensor


def losses(
    G: Network,  # noqa: N803
    A: Network,  # noqa: N803
    x: Tensor,
    z0: Tensor,
    log_beta: Tensor,
    s: int,
    inner: InnerConfig,
    weights: LossConfig,
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
    """
    y, beta = A(x), log_beta.exp()
    second = inner.order == "second"
    z = z0.detach().requires_grad_()
    x_0 = G(z)
    y_0 = A(x_0)
    x_T, y_T = x_0, y_0  # noqa: N806
    for _ in range(inner.steps):
        f = (y - y_T).square().sum()
        (gradient,) = torch.autograd.grad(f, z, create_graph=second, retain_graph=True)
        z = hard_threshold(z - beta * gradient, s)
        x_T = G(z)  # noqa: N806
        y_T = A(x_T)  # noqa: N806

    u, u_0, u_T = signed_range(x), signed_range(x_0), signed_range(x_T)  # noqa: N806
    l_g = measurement_loss(y, y_T)
    pairs = ((u_T, u_0, y_T, y_0), (u_T, u, y_T, y), (u_0, u, y_0, y))
    l_a = torch.stack([s_rec(*pair, weights) for pair in pairs]).mean()
    l_gdl = gradient_difference_loss(u, u_T)
    total = weights.measurement * l_g + weights.s_rec * l_a + weights.gradient_difference * l_gdl
    return Losses(l_g, l_a, l_gdl, total)


def gradients(
    loss: Losses, theta: Sequence[Tensor], phi: Sequence[Tensor], weights: LossConfig
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Return (∇_θ L, ∇_φ λ_A L_A): the sensing network learns from S-REC alone.

    Both are total derivatives, through the unrolled steps. Two passes over one graph, each
    computing only what its own parameters need.
    """
    grad_theta = torch.autograd.grad(loss.total, theta, retain_graph=True)
    grad_phi = torch.autograd.grad(weights.s_rec * loss.s_rec, phi)
    return grad_theta, grad_phi
