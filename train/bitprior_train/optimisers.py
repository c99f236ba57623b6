"""The two Adams, of θ with log β and of φ: rates, limits, and what a checkpoint keeps of them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from bitprior_train.config import OptimiserConfig

_MOMENTS = ("step", "exp_avg", "exp_avg_sq")


class Optimisers:
    """Both Adams.

    Args:
        config: Rates, schedule and limits.
        theta: θ and log β by name.
        phi: φ by name; empty for a fixed matrix.
    """

    def __init__(
        self,
        config: OptimiserConfig,
        theta: Mapping[str, nn.Parameter],
        phi: Mapping[str, nn.Parameter],
    ) -> None:
        self._config = config
        self._adams = [(_adam(config, generator_groups(theta, config.scale_lr)), theta)]
        if phi:
            sensing = {"params": [*phi.values()], "relative": config.sensing_lr}
            self._adams.append((_adam(config, [sensing]), phi))

    def step(self, gradients: Sequence[Sequence[Tensor]], step: int) -> None:
        """Change θ and φ by their gradients, in the order of their names, in step ``step``."""
        rate = learning_rate(self._config, step)
        for (adam, named), own in zip(self._adams, gradients, strict=False):
            for parameter, gradient in zip(named.values(), own, strict=True):
                parameter.grad = gradient
            if self._config.clip_norm:
                nn.utils.clip_grad_norm_(named.values(), self._config.clip_norm)
            for group in adam.param_groups:
                group["lr"] = rate * group["relative"]
            adam.step()

    def tensors(self) -> dict[str, Tensor]:
        """Return the Adams' moments by name; none before the first step."""
        return {
            f"adam.{name}.{moment}": adam.state[parameter][moment]
            for adam, named in self._adams
            for name, parameter in named.items()
            if parameter in adam.state
            for moment in _MOMENTS
        }

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over what :meth:`tensors` returned, among other tensors."""
        for adam, named in self._adams:
            for name, parameter in named.items():
                if f"adam.{name}.step" in tensors:
                    adam.state[parameter] = {
                        m: tensors[f"adam.{name}.{m}"].to(parameter.device) for m in _MOMENTS
                    }


def generator_groups(theta: Mapping[str, nn.Parameter], scale_lr: float) -> list[dict[str, Any]]:
    """Return the parameter groups of θ by name; ``relative`` is a group's share of the rate.

    The scales of quantisers, if there are any, are a group of their own, of share ``scale_lr``.
    """
    scales = [p for n, p in theta.items() if "scaling_impl" in n]
    others = [p for n, p in theta.items() if "scaling_impl" not in n]
    groups: list[dict[str, Any]] = [{"params": others, "relative": 1.0}]
    return [*groups, {"params": scales, "relative": scale_lr}] if scales else groups


def _adam(config: OptimiserConfig, groups: list[dict[str, Any]]) -> torch.optim.Adam:
    return torch.optim.Adam(groups, betas=config.betas, fused=True)


def learning_rate(config: OptimiserConfig, step: int) -> float:
    """Return the learning rate of step number ``step``, counted from 0."""
    warm = min(1.0, (step + 1) / config.warmup) if config.warmup else 1.0
    if config.schedule == "constant":
        return config.lr * warm
    return config.lr * warm * 0.5 * (1 + math.cos(math.pi * step / config.steps))
