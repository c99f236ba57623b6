"""What a low-bit generator begins with: the images of the prior that it starts from.

Quantised at once, a trained generator forgets most of what it knew; Algorithm 1, at several
gradients a step, is a dear way to teach it that again. So first it follows the 32-bit prior at the
latents that this one recovers training images with, at one gradient a step.
"""

import sys
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from bitprior_runtime.errors import CheckFailedError
from bitprior_train.config import FollowingConfig, OptimiserConfig, TrainConfig
from bitprior_train.data import Dataset
from bitprior_train.device import precision
from bitprior_train.learner import Learner
from bitprior_train.optimisers import generator_groups, learning_rate
from bitprior_train.reference import Network, proximal, unit_normal

_STOPS = (3, 10)  # proximal steps after which the prior's latents are taken
_CHUNK = 500  # images recovered at a time
_STREAM = 7
_LINES = 8  # lines of progress
_WARMUP = 200  # steps over which the learning rate rises


def follow(
    learner: Learner, prior: Mapping[str, Tensor], config: TrainConfig, data: Dataset
) -> None:
    """Let a learner's generator follow a prior, by the squared error summed over pixels.

    min ||G_q(z) - G(z)||^2 over latents z_T of G's own recoveries of training images.

    Args:
        learner: Has started from the prior.
        prior: Weights of the 32-bit generator G, by name.
        config: The run; its section ``following`` says for how long.
        data: Its images.

    Raises:
        CheckFailedError: The error became infinite or NaN.
    """
    torch.set_num_threads(config.run.threads)
    settings = config.following
    teacher = learner.network(dict(prior))
    latents = _latents_of(teacher, learner, config, data)
    learner.theta_q()  # learned scales take their start from the weights
    theta = dict(learner.generator.named_parameters())
    adam = torch.optim.Adam(generator_groups(theta, config.optimiser.scale_lr), fused=True)
    rates = OptimiserConfig(lr=settings.lr, steps=settings.steps, warmup=_WARMUP)
    random = torch.Generator().manual_seed(config.run.seed * 31 + _STREAM)
    for step in range(settings.steps):
        z = _draw(latents, settings, random)
        with torch.no_grad(), precision(config.run):
            wanted = teacher(z)
        theta_q = learner.theta_q()
        with precision(config.run):
            made = learner.network(theta_q)(z)
        error = (made - wanted).square().flatten(1).sum(1).mean()
        if not torch.isfinite(error):
            raise CheckFailedError(
                "a finite error of a generator that follows",
                f"infinity or NaN at step {step + 1}",
                "lower following.lr",
            )
        adam.zero_grad()
        error.backward()
        rate = learning_rate(rates, step)
        for group in adam.param_groups:
            group["lr"] = rate * group["relative"]
        adam.step()
        learner.see(theta_q, z)
        if (step + 1) % max(1, settings.steps // _LINES) == 0:
            line = f"following {step + 1}/{settings.steps}: squared error {error.item():.4g}"
            print(line, file=sys.stderr, flush=True)


def _latents_of(teacher: Network, learner: Learner, config: TrainConfig, data: Dataset) -> Tensor:
    """Return latents of the prior's recoveries of training images, [len(_STOPS) N, k]."""
    chosen = np.random.default_rng([config.run.seed, _STREAM]).permutation(len(data.train))
    chosen = chosen[: config.following.images]
    random = torch.Generator().manual_seed(config.run.seed * 31 + _STREAM + 1)
    found = []
    for start in range(0, len(chosen), _CHUNK):
        x = torch.from_numpy(data.images(data.train[chosen[start : start + _CHUNK]]))
        z0 = unit_normal(len(x), config.model.latent, random)
        with torch.no_grad():
            y = learner.sensing(x)
        met, _ = proximal(
            teacher,
            learner.sensing,
            y,
            z0,
            beta=learner.beta,
            s=config.model.sparsity,
            steps=max(_STOPS),
            on_sphere=config.system.projection == "unit-sphere",
        )
        found += [met[stop].detach() for stop in _STOPS]
    return torch.cat(found)


def _draw(latents: Tensor, settings: FollowingConfig, random: torch.Generator) -> Tensor:
    """Draw a batch of latents; what is not zero is moved a little."""
    z = latents[torch.randint(len(latents), (settings.batch,), generator=random)]
    return z + settings.jitter * torch.randn(z.shape, generator=random) * (z != 0)
