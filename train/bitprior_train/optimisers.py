"""The two Adams, of θ with log β and of φ: rates, limits, and what a checkpoint keeps of them."""

import math
from collections.abc import Mapping, Sequence

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
        scales = [p for n, p in theta.items() if "scaling_impl" in n]
        others = [p for n, p in theta.items() if "scaling_impl" not in n]
        groups = [(others, 1.0), *([(scales, config.scale_lr)] if scales else [])]
        self._adams = [(_adam(config, groups), theta)]
        if phi:
            self._adams.append((_adam(config, [([*phi.values()], config.sensing_lr)]), phi))

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


def _adam(
    config: OptimiserConfig, groups: Sequence[tuple[list[nn.Parameter], float]]
) -> torch.optim.Adam:
    return torch.optim.Adam(
        [{"params": parameters, "relative": relative} for parameters, relative in groups],
        betas=config.betas,
        fused=True,
    )


def learning_rate(config: OptimiserConfig, step: int) -> float:
    """Return the learning rate of step number ``step``, counted from 0."""
    warm = min(1.0, (step + 1) / config.warmup) if config.warmup else 1.0
    if config.schedule == "constant":
        return config.lr * warm
    return config.lr * warm * 0.5 * (1 + math.cos(math.pi * step / config.steps))
