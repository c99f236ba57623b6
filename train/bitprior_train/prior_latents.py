"""The latents at which a low-bit generator follows its prior: the prior's own recoveries."""

import numpy as np
import torch
from torch import Tensor

from bitprior_train.config import TrainConfig
from bitprior_train.data import Dataset
from bitprior_train.learner import Learner
from bitprior_train.reference import Network, proximal, unit_normal

STREAM = 7  # of the run's seed; the one after it is z0's
_STOPS = (3, 10)  # proximal steps after which the prior's latents are taken
_CHUNK = 500  # images recovered at a time


def prior_latents(
    prior: Network, learner: Learner, config: TrainConfig, data: Dataset, device: torch.device
) -> Tensor:
    """Recover training images with a prior; return the latents, [len(_STOPS) N, k], on the CPU.

    Args:
        prior: The 32-bit generator G.
        learner: Has the prior's sensing network and step size.
        config: The run.
        data: Its images, of which N are chosen at random.
        device: Where the networks lie.
    """
    chosen = np.random.default_rng([config.run.seed, STREAM]).permutation(len(data.train))
    chosen = chosen[: config.following.images]
    random = torch.Generator().manual_seed(config.run.seed * 31 + STREAM + 1)
    found = []
    for start in range(0, len(chosen), _CHUNK):
        x = torch.from_numpy(data.images(data.train[chosen[start : start + _CHUNK]])).to(device)
        z0 = unit_normal(len(x), config.model.latent, random).to(device)
        with torch.no_grad():
            y = learner.sensing(x)
        met, _ = proximal(
            prior,
            learner.sensing,
            y,
            z0,
            beta=learner.beta,
            s=config.model.sparsity,
            steps=max(_STOPS),
            on_sphere=config.system.projection == "unit-sphere",
        )
        found += [met[stop].detach().cpu() for stop in _STOPS]
    return torch.cat(found)
