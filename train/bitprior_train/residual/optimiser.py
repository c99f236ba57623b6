"""Muon for the inner convolutions of R, Adam for all other parameters."""

import math
from collections.abc import Mapping

from torch import nn

from bitprior_train.muon import MuonAndAdam
from bitprior_train.residual.config import ResidualConfig, ResidualOptimiserConfig


class ResidualOptimiser(MuonAndAdam):
    """Both optimisers.

    Args:
        config: Rates.
        parameters: All parameters by name.
    """

    def __init__(
        self, config: ResidualOptimiserConfig, parameters: Mapping[str, nn.Parameter]
    ) -> None:
        self._config = config
        inner = [n for n in parameters if ".blocks." in n and n.endswith(".weight")]
        scales = [n for n in parameters if "scaling_impl" in n]
        linear = [n for n in parameters if n not in scales and ".residual." not in n]
        rest = [n for n in parameters if n not in {*inner, *scales, *linear}]
        shares = ((rest, 1.0), (linear, config.linear_lr), (scales, config.scale_lr))
        groups = [
            {"params": [parameters[n] for n in names], "relative": relative}
            for names, relative in shares
            if names
        ]
        muon = {n: parameters[n] for n in inner}
        super().__init__(muon, groups, [*parameters.values()], config.norm_cap, fused=True)

    def step(self, rate: float) -> None:
        """Change the parameters by their gradients; ``rate`` is the share of their rates."""
        config = self._config
        self.move(config.lr * rate, config.lr * rate, config.clip_norm)


def share_of_rates(config: ResidualConfig, step: int) -> float:
    """Return the share of the learning rates in step number ``step``, counted from 0."""
    optimiser = config.optimiser
    warm = min(1.0, (step + 1) / optimiser.warmup) if optimiser.warmup else 1.0
    fall = 0.5 * (1 + math.cos(math.pi * step / optimiser.steps))
    return warm * (optimiser.floor + (1 - optimiser.floor) * fall)
