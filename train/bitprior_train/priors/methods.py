"""How a prior learns: adversarially, as BEGAN, as a VAE, or by following a float prior."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from bitprior_train.device import precision
from bitprior_train.optimisers import generator_groups
from bitprior_train.priors.config import PriorConfig
from bitprior_train.priors.networks import draw_latents, latent_size

Losses = dict[str, float]


class Method(ABC):
    """Generator, what judges it, and their optimisers.

    Attributes:
        generator: The prior.
        judge: Critic, encoder, or the float prior to follow.
        adams: Optimisers by the name of what they train.
    """

    def __init__(self, config: PriorConfig, generator: nn.Module, judge: nn.Module) -> None:
        self.config, self.generator, self.judge = config, generator, judge
        self.adams = {"generator": self._adam(generator)}

    def _adam(self, network: nn.Module) -> torch.optim.Optimizer:
        optimiser = self.config.optimiser
        groups = generator_groups(dict(network.named_parameters()), optimiser.scale_lr)
        betas = (optimiser.beta1, 0.999)
        return torch.optim.AdamW(groups, betas=betas, weight_decay=optimiser.weight_decay)

    @abstractmethod
    def step(self, x: Tensor, random: torch.Generator) -> Losses:
        """Learn from images x [B, 3, H, W] in [0, 1]; all randomness is from ``random``."""

    def state(self) -> dict[str, Tensor]:
        """Return scalars beside weights that the next step depends on."""
        return {}

    def load_state(self, state: dict[str, Tensor]) -> None:  # noqa: B027 - most have none
        """Take over what :meth:`state` returned."""

    def _images(self, z: Tensor) -> Tensor:
        """Return G(z) in float32, worked out in the run's precision."""
        with precision(self.config.run):
            images: Tensor = self.generator(z)
        return images.float()

    def _judge(self, x: Tensor) -> Tensor:
        with precision(self.config.run):
            judged: Tensor = self.judge(x)
        return judged.float()

    def _latents(self, count: int, random: torch.Generator) -> Tensor:
        model = self.config.model
        return draw_latents(model.kind, count, latent_size(model, self.generator), random)

    def _descend(self, name: str, loss: Tensor) -> None:
        adam = self.adams[name]
        adam.zero_grad()
        parameters = [p for group in adam.param_groups for p in group["params"]]
        for parameter, grad in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter.grad = grad
        adam.step()


class Adversarial(Method):
    """The DCGAN game: the critic tells real images from made ones, the generator deceives it.

    Critic: min -log D(x) - log(1 - D(G(z))). Generator: min -log D(G(z)), not saturating.
    """

    def __init__(self, config: PriorConfig, generator: nn.Module, judge: nn.Module) -> None:
        super().__init__(config, generator, judge)
        self.adams["judge"] = self._adam(judge)

    def step(self, x: Tensor, random: torch.Generator) -> Losses:
        """See :meth:`Method.step`."""
        made = self._images(self._latents(len(x), random))
        real, false = self._judge(x), self._judge(made.detach())
        critic = softplus(-real).mean() + softplus(false).mean()
        self._descend("judge", critic)
        verdict = self._judge(made)
        loss = binary_cross_entropy_with_logits(verdict, torch.ones_like(verdict))
        self._descend("generator", loss)
        return {"generator": loss.item(), "critic": critic.item()}


class Balanced(Method):
    """BEGAN: the critic is an auto-encoder, and L(v) = mean |v - D(v)| is what counts.

    Critic: min L(x) - k_t L(G(z)). Generator: min L(G(z)). k_t keeps L(G(z)) at gamma L(x).
    ``convergence`` is L(x) + |gamma L(x) - L(G(z))|, BEGAN's own measure.
    """

    def __init__(self, config: PriorConfig, generator: nn.Module, judge: nn.Module) -> None:
        super().__init__(config, generator, judge)
        self.adams["judge"] = self._adam(judge)
        self.balance = 0.0

    def step(self, x: Tensor, random: torch.Generator) -> Losses:
        """See :meth:`Method.step`."""
        made = self._images(self._latents(len(x), random))
        real = self._error(x)
        self._descend("judge", real - self.balance * self._error(made.detach()))
        loss = self._error(made)
        self._descend("generator", loss)
        settings = self.config.balance
        gap = settings.gamma * real.item() - loss.item()
        self.balance = min(1.0, max(0.0, self.balance + settings.rate * gap))
        convergence = real.item() + abs(gap)
        return {"generator": loss.item(), "critic": real.item(), "convergence": convergence}

    def _error(self, images: Tensor) -> Tensor:
        error: Tensor = (images - self._judge(images)).abs().mean()
        return error

    def state(self) -> dict[str, Tensor]:
        """See :meth:`Method.state`."""
        return {"balance": torch.tensor(self.balance, dtype=torch.float64)}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """See :meth:`Method.load_state`."""
        self.balance = state["balance"].item()


class Variational(Method):
    """The VAE: min of the squared error summed over pixels plus KL(q(z|x) || N(0, I))."""

    def __init__(self, config: PriorConfig, generator: nn.Module, judge: nn.Module) -> None:
        super().__init__(config, generator, judge)
        self.adams["judge"] = self._adam(judge)

    def step(self, x: Tensor, random: torch.Generator) -> Losses:
        """See :meth:`Method.step`."""
        with precision(self.config.run):
            mean, log_variance = (v.float() for v in self.judge(x))
        noise = torch.randn(mean.shape, generator=random)
        error = (self._images(mean + noise * (0.5 * log_variance).exp()) - x).square()
        distance = 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(1).mean()
        squared = error.flatten(1).sum(1).mean()
        loss = squared + distance
        for adam in self.adams.values():
            adam.zero_grad()
        loss.backward()
        for adam in self.adams.values():
            adam.step()
        return {"generator": squared.item(), "divergence": distance.item()}


class Following(Method):
    """QAT of a low-bit generator: it follows the float one that it started from.

    min ||G_q(z) - G(z)||^2, summed over pixels, over latents of the training's distribution. The
    images themselves are not needed: what the float prior knows is to be kept.
    """

    def step(self, x: Tensor, random: torch.Generator) -> Losses:
        """See :meth:`Method.step`."""
        z = self._latents(len(x), random)
        with torch.no_grad():
            wanted = self._judge(z)
        loss = (self._images(z) - wanted).square().flatten(1).sum(1).mean()
        self._descend("generator", loss)
        return {"generator": loss.item()}


METHODS: dict[str, type[Method]] = {
    "dcgan": Adversarial,
    "began": Balanced,
    "vae": Variational,
}
