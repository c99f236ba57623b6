"""What the baselines share: Adam on the measurement loss, and what a finished row counts as."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from bitprior_train.surgery.problem import Problem, Recovered, clamped_loss


def fit(
    problem: Problem,
    images: Callable[[], Tensor],
    variables: Iterable[tuple[Iterable[Tensor], float]],
    steps: int,
) -> None:
    """Run Adam on the mean squared error of the measurements, in place.

    Adam is elementwise, so images whose variables are their own are fitted as if each were alone.

    Args:
        problem: y and A.
        images: Makes images [B, C, H, W], not clamped, of the variables.
        variables: Groups of leaf tensors, each with its learning rate; one Adam a group.
        steps: Of Adam.
    """
    groups = [{"params": list(tensors), "lr": lr} for tensors, lr in variables]
    adam = torch.optim.Adam(groups, fused=True)
    for _ in range(steps):
        adam.zero_grad()
        error = problem.operator(images()) - problem.y
        error.square().mean(dim=1).sum().backward()
        adam.step()


def found(problem: Problem, images: Tensor, variables: int) -> Recovered:
    """Return what images [B, C, H, W] count as.

    A row that holds NaN or infinities is black, of loss infinity: any other restart wins.
    """
    finite = images.isfinite().flatten(1).all(dim=1)
    shown = torch.where(finite[:, None, None, None], images, 0.0).clamp(0, 1)
    losses = torch.where(finite, clamped_loss(problem, shown), torch.inf)
    return Recovered(shown, losses, variables)
