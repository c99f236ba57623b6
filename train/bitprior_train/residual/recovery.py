"""The few gradient steps of a recovery, from the measurement, in torch."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from bitprior_train.residual.networks import ResidualNetworks

Network = Callable[[Tensor], Tensor]

_LEAST_ERROR = 1e-10  # 100 dB
_ROWS = 50  # images at a time


def descend(
    generator: Network, sensing: Network, y: Tensor, steps: int, step_size: float
) -> list[Tensor]:
    """Return z_0 = y, z_1, ... of z <- z - step_size * grad ||y - A G(z)||^2, without graph.

    Args:
        generator: G.
        sensing: A.
        y: Measurements [B,m].
        steps: How many.
        step_size: beta.
    """
    found = [y.detach()]
    for _ in range(steps):
        with torch.enable_grad():
            z = found[-1].requires_grad_(True)
            residual = sensing(generator(z)) - found[0].detach()
            (slope,) = torch.autograd.grad(residual.square().sum(), z)
        found[-1] = found[-1].detach()
        found.append(found[-1] - step_size * slope)
    return found


def psnr(images: Tensor, truth: Tensor) -> Tensor:
    """Return the PSNR of each image in dB, peak 1."""
    errors = (images.clamp(0, 1) - truth).square().flatten(1).mean(1)
    return -10 * torch.log10(errors.clamp_min(_LEAST_ERROR))


def recovery_psnr(
    networks: ResidualNetworks, images: Tensor, steps: int, step_sizes: Sequence[float]
) -> dict[float, list[float]]:
    """Return the mean PSNR in dB after 0, 1, ... steps, by step size."""
    found = {}
    for size in step_sizes:
        parts = [_psnr_of(networks, some, steps, size) for some in images.split(_ROWS)]
        found[size] = torch.cat(parts, 1).mean(1).tolist()
    return found


def _psnr_of(networks: ResidualNetworks, images: Tensor, steps: int, size: float) -> Tensor:
    with torch.no_grad():
        generator, sensing = networks.generator, networks.sensing
        latents = descend(generator, sensing, sensing(images), steps, size)
        return torch.stack([psnr(generator(z), images) for z in latents])
