"""The three training losses, on images mapped to [-1, 1]."""

import torch
from torch import Tensor

from bitprior_train.config import LossConfig

_NORM_FLOOR = 1e-12  # under the root: the norm's derivative at zero is then zero, not NaN


def signed_range(x: Tensor) -> Tensor:
    """Map images from [0, 1] to [-1, 1]."""
    return 2 * x - 1


def measurement_loss(y: Tensor, y_hat: Tensor) -> Tensor:
    """L_G: squared error of the measurements, summed over m, averaged over the batch."""
    return (y - y_hat).square().sum(1).mean()


def norm(x: Tensor) -> Tensor:
    """L2 norm of each row [B, ...] -> [B], with a finite gradient at zero."""
    return torch.sqrt(x.flatten(1).square().sum(1) + _NORM_FLOOR)


def s_rec(x1: Tensor, x2: Tensor, y1: Tensor, y2: Tensor, loss: LossConfig) -> Tensor:
    """S-REC of one pair of images: distances must survive the sensing network.

    S-REC asks ||A(x1) - A(x2)|| >= gamma ||x1 - x2|| - delta. Q-GEN prints the bracket itself as
    the loss, which is unbounded below; this is its squared form, as in deep compressed sensing,
    or its hinge.

    Args:
        x1: Images [B, C, H, W] in [-1, 1].
        x2: As x1.
        y1: Measurements A(x1), [B, m].
        y2: Measurements A(x2), [B, m].
        loss: ``mode``, ``gamma`` and ``delta``.

    Returns:
        Scalar, the batch mean; never negative.
    """
    gap = loss.gamma * norm(x1 - x2) - loss.delta - norm(y1 - y2)
    return (gap.square() if loss.mode == "squared" else gap.clamp(min=0)).mean()


def gradient_difference_loss(x: Tensor, x_hat: Tensor) -> Tensor:
    """L_GDL: squared difference of the signed finite differences of two image batches.

    Summed over pixels and both axes, averaged over the batch; images [B, C, H, W] in [-1, 1].
    """
    error = x - x_hat  # finite differences are linear: the difference of them is that of the error
    rows = error.diff(dim=2).square().flatten(1).sum(1)
    columns = error.diff(dim=3).square().flatten(1).sum(1)
    return (rows + columns).mean()
