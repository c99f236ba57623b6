"""What a low-bit generator begins with: the images of the prior that it starts from.

Quantised at once, a trained generator forgets most of what it knew; Algorithm 1, at several
gradients a step, is a dear way to teach it that again. So first it follows the 32-bit prior at the
latents that this one recovers training images with, at one gradient a step.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from bitprior_runtime.errors import CheckFailedError
from bitprior_train.checkpoint import below
from bitprior_train.config import OptimiserConfig, TrainConfig
from bitprior_train.data import Dataset
from bitprior_train.device import precision
from bitprior_train.distributed import Ranks
from bitprior_train.learner import Learner
from bitprior_train.optimisers import Optimisers, learning_rate
from bitprior_train.prior_latents import STREAM, prior_latents

PREFIX = "following."  # of the names in a checkpoint of what only following needs
FOLLOWED = "followed"  # in a checkpoint's meta data: steps of following that are done
_PRIOR, _LATENTS, _RANDOM = "prior.", "latents", "random"
_WARMUP = 200  # steps over which the learning rate rises
_CPU, _ALONE = torch.device("cpu"), Ranks()


class Follower:
    """A learner's generator that follows a prior, by the squared error summed over pixels.

    min ||G_q(z) - G(z)||^2 over latents z_T of G's own recoveries of training images.

    Args:
        learner: Has started from the prior, or goes on from a checkpoint.
        state: What :func:`state_of` or :meth:`tensors` returned, without ``PREFIX``.
        config: The run; its section ``following`` says for how long.
        data: Its images.
        device: Where the learner lies.
        ranks: Who this process is among those that share each batch.
    """

    def __init__(
        self,
        learner: Learner,
        state: Mapping[str, Tensor],
        config: TrainConfig,
        data: Dataset,
        device: torch.device = _CPU,
        ranks: Ranks = _ALONE,
    ) -> None:
        self._learner, self._config = learner, config
        self._device, self._ranks = device, ranks
        self._prior = {n: t.to(device) for n, t in below(_PRIOR, dict(state)).items()}
        self._teacher = learner.network(self._prior)
        self._latents = (
            state[_LATENTS]
            if _LATENTS in state
            else prior_latents(self._teacher, learner, config, data, device)
        )
        self._random = torch.Generator().manual_seed(config.run.seed * 31 + STREAM)
        if _RANDOM in state:
            self._random.set_state(state[_RANDOM])
        settings = config.following
        self._rates = OptimiserConfig(
            lr=settings.lr,
            scale_lr=config.optimiser.scale_lr,
            steps=settings.steps,
            schedule=settings.schedule,
            warmup=_WARMUP,
        )
        self._theta = {f"generator.{n}": p for n, p in learner.generator.named_parameters()}
        self._optimisers = Optimisers(self._rates, self._theta, {})
        self._optimisers.load(state)

    def step(self, step: int) -> float:
        """Take step number ``step``, from 0; return the squared error before it.

        Raises:
            CheckFailedError: The error became infinite or NaN.
        """
        z = self._draw()[self._ranks.share(self._config.following.batch)].to(self._device)
        run = self._config.run
        with torch.no_grad(), precision(run, self._device):
            wanted = self._teacher(z)
        theta_q = self._learner.theta_q()
        with precision(run, self._device):
            made = self._learner.network(theta_q)(z)
        error = (made - wanted).square().flatten(1).sum(1).mean()
        own = torch.autograd.grad(error, list(self._theta.values()))
        *gradients, error = self._ranks.means([*own, error])
        _check_finite(error, step + 1)
        self._optimisers.step([gradients], step)
        self._learner.see(theta_q, z)
        return error.item()

    def rate(self, step: int) -> float:
        """Return the learning rate of step number ``step``, from 0."""
        return learning_rate(self._rates, step)

    def tensors(self, step: int) -> dict[str, Tensor]:
        """Return all that a checkpoint after ``step`` steps needs, the learner's included, by name.

        Raises:
            CheckFailedError: Infinity or NaN in it.
        """
        own = {_LATENTS: self._latents, _RANDOM: self._random.get_state()}
        state = state_of(self._prior) | _prefixed(own | self._optimisers.tensors())
        tensors = self._learner.tensors() | state
        for tensor in tensors.values():  # a checkpoint that could only fail again helps nobody
            _check_finite(tensor, step)
        return tensors

    def _draw(self) -> Tensor:
        """Draw a batch of latents; what is not zero is moved a little."""
        settings, latents = self._config.following, self._latents
        z = latents[torch.randint(len(latents), (settings.batch,), generator=self._random)]
        return z + settings.jitter * torch.randn(z.shape, generator=self._random) * (z != 0)


def state_of(prior: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return what a checkpoint needs for following to begin from it: the prior's weights."""
    return _prefixed({_PRIOR + name: tensor for name, tensor in prior.items()})


def _prefixed(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {PREFIX + name: tensor for name, tensor in tensors.items()}


def _check_finite(tensor: Tensor, step: int) -> None:
    if not torch.isfinite(tensor).all():
        raise CheckFailedError(
            "a finite error of a generator that follows, and finite weights",
            f"infinity or NaN at step {step}",
            "lower following.lr",
        )
