"""Quality during training: recover validation images and compare."""

from collections.abc import Sequence

import torch
from torch import Tensor

from bitprior_train.batches import validation_latents
from bitprior_train.config import TrainConfig
from bitprior_train.data import Dataset
from bitprior_train.learner import Learner
from bitprior_train.reference import Network, proximal


def psnr(x: Tensor, x_hat: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each image in dB, peak 1; images [B, C, H, W] -> [B]."""
    error = (x - x_hat.clamp(0, 1)).square().flatten(1).mean(1)
    return -10 * torch.log10(error)


def recovery_psnr(
    G: Network,  # noqa: N803
    A: Network,  # noqa: N803
    x: Tensor,
    z0: Tensor,
    *,
    beta: float,
    s: int,
    steps: Sequence[int],
    on_sphere: bool = False,
) -> dict[int, float]:
    """Recover images x from A(x) and return the mean PSNR in dB after each number of steps."""
    with torch.no_grad():
        y = A(x)
    latents, _ = proximal(G, A, y, z0, beta=beta, s=s, steps=max(steps), on_sphere=on_sphere)
    with torch.no_grad():
        return {t: float(psnr(x, G(latents[t])).mean()) for t in steps}


def validate(
    config: TrainConfig, data: Dataset, learner: Learner, device: torch.device
) -> dict[int, float]:
    """Recover validation images: mean PSNR in dB by number of proximal steps."""
    chosen = data.validation[: config.validation.images]
    x = torch.from_numpy(data.images(chosen)).to(device)
    z0 = validation_latents(len(x), config.model.latent, config.run.seed).to(device)
    theta_q = {n: t.detach() for n, t in learner.theta_q().items()}
    return recovery_psnr(
        learner.network(theta_q),
        learner.sensing,
        x,
        z0,
        beta=learner.beta,
        s=config.model.sparsity,
        steps=config.validation.steps,
        on_sphere=config.system.projection == "unit-sphere",
    )
