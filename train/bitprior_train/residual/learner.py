"""What training changes, and one step of it."""

from functools import partial

import torch
from torch import Tensor, nn
from torch.func import functional_call

from bitprior_train.checkpoint import below
from bitprior_train.quantisers import quantised_parameters
from bitprior_train.residual.config import ResidualConfig, ResidualQuantiserConfig
from bitprior_train.residual.networks import Geometry, ResidualNetworks
from bitprior_train.residual.optimiser import ResidualOptimiser, share_of_rates
from bitprior_train.residual.recovery import descend

_LEAST_ERROR = 1e-5  # of a pixel, squared: an image that is perfect teaches nothing more


class ResidualLearner:
    """Generator, sensing map and their optimisers.

    The loss is the mean of log(squared error), which is the mean PSNR up to a factor: of the image
    at z = y, or, near the end of the run, at the latents that a recovery's steps reach from there.

    Args:
        config: The run.
        geometry: (C, H, W) of the images.

    Attributes:
        networks: What is trained.
    """

    def __init__(self, config: ResidualConfig, geometry: Geometry) -> None:
        self.config = config
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(config.run.seed)
            low = config.run.precision == "bfloat16"
            self.networks = ResidualNetworks(config.model, geometry, config.quantiser, low)
            plain = ResidualNetworks(config.model, geometry, ResidualQuantiserConfig(), low)
        self._twin = plain.generator.requires_grad_(False)  # to be called with theta_Q
        self._make_optimiser()

    def step(self, x: Tensor, step: int, random: torch.Generator) -> float:
        """Learn from images x [B,C,H,W] in [0,1] in step ``step``, from 0; return the loss."""
        config = self.config.optimiser
        if config.flips:
            mirrored = torch.rand(len(x), 1, 1, 1, generator=random) < 0.5
            x = torch.where(mirrored, x.flip(3), x)
        # The weights are quantised once, however often G is called.
        theta_q = quantised_parameters(self.networks.generator)
        y = self.networks.sensing(x)
        z = self._latents(theta_q, y, step, random)
        error = (functional_call(self._twin, theta_q, (z,)) - x).square()
        loss = torch.log(error.flatten(1).mean(1) + _LEAST_ERROR).mean()
        loss.backward()
        self._optimiser.step(share_of_rates(self.config, step))
        return float(loss.detach())

    def _latents(
        self, theta_q: dict[str, Tensor], y: Tensor, step: int, random: torch.Generator
    ) -> Tensor:
        """Return z: y, or, where steps are unrolled, y and the change that they make as it is."""
        config = self.config
        if step < (1 - config.optimiser.unrolled) * config.optimiser.steps:
            return y
        steps = int(torch.randint(1, config.recovery.steps + 1, (), generator=random))
        fixed = {name: weight.detach() for name, weight in theta_q.items()}
        generator = partial(_call, self._twin, fixed)
        sensing = partial(_call, self.networks.sensing, {})
        reached = descend(generator, sensing, y, steps, config.recovery.step_size)[-1]
        return y + (reached - y).detach()

    def tensors(self) -> dict[str, Tensor]:
        """Return everything that a step depends on, by name."""
        found = {f"networks.{n}": t for n, t in self.networks.state_dict().items()}
        return found | {f"optimiser.{n}": t for n, t in self._optimiser.tensors().items()}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Take over what :meth:`tensors` returned."""
        self._load_networks(below("networks.", tensors), strict=True)
        self._optimiser.load(below("optimiser.", tensors))

    def start_from(self, tensors: dict[str, Tensor]) -> None:
        """Take over another run's weights, of any bits; of more measurements the first m.

        Args:
            tensors: Its checkpoint.
        """
        m = self.config.model.measurements
        found = {n: t for n, t in below("networks.", tensors).items() if "scaling_impl" not in n}
        for name, axis in (
            ("generator.linear.weight", 1),
            ("sensing.map.weight", 0),
            ("sensing.map.bias", 0),
        ):
            found[name] = found[name].narrow(axis, 0, m)
        self._load_networks(found, strict=False)
        self.networks.settle()

    def _load_networks(self, found: dict[str, Tensor], *, strict: bool) -> None:
        self.networks.load_state_dict(found, strict=strict)
        self._make_optimiser()  # loading a brevitas layer replaces its scale parameter

    def _make_optimiser(self) -> None:
        named = dict(self.networks.named_parameters())
        self._optimiser = ResidualOptimiser(self.config.optimiser, named)


def _call(network: nn.Module, weights: dict[str, Tensor], inputs: Tensor) -> Tensor:
    output: Tensor = functional_call(network, weights, (inputs,))
    return output
