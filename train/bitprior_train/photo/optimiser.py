"""Muon for convolutions, Adam for all other parameters."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from bitprior_train.photo.config import PhotoOptimiserConfig

_MOMENTUM = 0.95
# Coefficients of the quintic Newton-Schulz iteration (K. Jordan, Muon, 2024).
_NEWTON = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5
_SMALLEST = 16  # outputs and inputs of a convolution that Muon serves
_SCALE_RATE = 0.05


class PhotoOptimiser:
    """Both optimisers.

    Args:
        config: Rates.
        parameters: All parameters by name.
    """

    def __init__(
        self, config: PhotoOptimiserConfig, parameters: Mapping[str, nn.Parameter]
    ) -> None:
        self._config = config
        self._muon = {n: p for n, p in parameters.items() if _is_inner(p)}
        self._momentum = {n: torch.zeros_like(p) for n, p in self._muon.items()}
        scales = {n: p for n, p in parameters.items() if "scaling_impl" in n}
        rest = [p for n, p in parameters.items() if n not in self._muon and n not in scales]
        groups = [{"params": rest, "relative": 1.0}]
        if scales:
            groups.append({"params": [*scales.values()], "relative": _SCALE_RATE})
        self._all = [*self._muon.values(), *rest, *scales.values()]
        self._adam = torch.optim.Adam(groups, lr=config.adam_lr, betas=(0.9, 0.99))

    def step(self, share: float) -> None:
        """Change the parameters by their gradients; ``share`` of the run is done."""
        config = self._config
        nn.utils.clip_grad_norm_(self._all, 1.0)
        fall = config.floor + (1 - config.floor) * 0.5 * (1 + math.cos(math.pi * share))
        for group in self._adam.param_groups:
            group["lr"] = config.adam_lr * fall * group["relative"]
        self._adam.step()
        with torch.no_grad():
            for name, parameter in self._muon.items():
                self._muon_step(name, parameter, config.lr * fall)
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


def _is_inner(parameter: Tensor) -> bool:
    return parameter.ndim == 4 and min(parameter.shape[:2]) >= _SMALLEST


def orthogonal(matrix: Tensor) -> Tensor:
    """Return the nearest matrix with orthonormal rows, roughly."""
    a, b, c = _NEWTON
    x: Tensor = matrix / (matrix.norm() + 1e-12)
    for _ in range(_ITERATIONS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x
