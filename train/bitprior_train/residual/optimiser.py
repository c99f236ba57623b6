"""Muon for the inner convolutions of R, Adam for all other parameters."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from bitprior_train.photo.optimiser import orthogonal
from bitprior_train.residual.config import ResidualConfig, ResidualOptimiserConfig

_MOMENTUM = 0.95
_BETAS = (0.9, 0.99)


class ResidualOptimiser:
    """Both optimisers.

    Muon moves a convolution by the orthogonal matrix nearest to its momentum; the weights' norm is
    kept below a multiple of He's, as nothing else bounds it.

    Args:
        config: Rates.
        parameters: All parameters by name.
    """

    def __init__(
        self, config: ResidualOptimiserConfig, parameters: Mapping[str, nn.Parameter]
    ) -> None:
        self._config = config
        self._all = [*parameters.values()]
        inner = [n for n in parameters if ".blocks." in n and n.endswith(".weight")]
        scales = [n for n in parameters if "scaling_impl" in n]
        linear = [n for n in parameters if n not in scales and ".residual." not in n]
        rest = [n for n in parameters if n not in {*inner, *scales, *linear}]
        self._muon = {n: parameters[n] for n in inner}
        self._momentum = {n: torch.zeros_like(p) for n, p in self._muon.items()}
        shares = ((rest, 1.0), (linear, config.linear_lr), (scales, config.scale_lr))
        groups = [
            {"params": [parameters[n] for n in names], "relative": relative}
            for names, relative in shares
            if names
        ]
        self._adam = torch.optim.Adam(groups, lr=config.lr, betas=_BETAS, fused=True)

    def step(self, rate: float) -> None:
        """Change the parameters by their gradients; ``rate`` is the share of their rates."""
        config = self._config
        if config.clip_norm:
            nn.utils.clip_grad_norm_(self._all, config.clip_norm)
        for group in self._adam.param_groups:
            group["lr"] = config.lr * rate * group["relative"]
        self._adam.step()
        with torch.no_grad():
            for name, parameter in self._muon.items():
                self._muon_step(name, parameter, config.lr * rate)
        for parameter in self._all:
            parameter.grad = None

    def tensors(self) -> dict[str, Tensor]:
        """Return all moments by name."""
        found = {f"muon.{name}": value for name, value in self._momentum.items()}
        for index, values in self._adam.state_dict()["state"].items():
            found |= {f"adam.{index}.{key}": value for key, value in values.items()}
        return found

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over what :meth:`tensors` returned, among other tensors."""
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            kind, _, rest = name.partition(".")
            if kind == "muon":
                self._momentum[rest].copy_(value)
            elif kind == "adam":
                index, key = rest.split(".")
                state.setdefault(int(index), {})[key] = value
        if state:
            groups = self._adam.state_dict()["param_groups"]
            self._adam.load_state_dict({"state": state, "param_groups": groups})

    def _muon_step(self, name: str, parameter: nn.Parameter, rate: float) -> None:
        gradient, momentum = parameter.grad, self._momentum[name]
        if gradient is None:
            return
        momentum.lerp_(gradient, 1 - _MOMENTUM)
        update = gradient.lerp(momentum, _MOMENTUM).flatten(1)
        update = orthogonal(update) * math.sqrt(max(update.shape))
        parameter.add_(update.reshape(parameter.shape), alpha=-rate)
        he = math.sqrt(2.0 / parameter[0].numel() * parameter.numel())
        norm = float(parameter.norm())
        if norm > self._config.norm_cap * he:
            parameter.mul_(self._config.norm_cap * he / norm)


def share_of_rates(config: ResidualConfig, step: int) -> float:
    """Return the share of the learning rates in step number ``step``, counted from 0."""
    optimiser = config.optimiser
    warm = min(1.0, (step + 1) / optimiser.warmup) if optimiser.warmup else 1.0
    fall = 0.5 * (1 + math.cos(math.pi * step / optimiser.steps))
    return warm * (optimiser.floor + (1 - optimiser.floor) * fall)
