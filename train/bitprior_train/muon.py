"""Muon for convolutions beside Adam for all other parameters: one step of both, and their state."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

_MOMENTUM = 0.95
_BETAS = (0.9, 0.99)
# Coefficients of the quintic Newton-Schulz iteration (K. Jordan, Muon, 2024).
_NEWTON = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5


class MuonAndAdam:
    """Both optimisers.

    Muon moves a convolution by the orthogonal matrix nearest to its momentum; the weights' norm is
    kept below a multiple of He's, as nothing else bounds it.

    Args:
        muon: Weights that Muon moves, by name.
        groups: Adam's groups of parameters, each with its rate ``relative`` to Adam's.
        everything: All parameters, in the order in which their gradients' norm is added up.
        norm_cap: A convolution's norm is kept below this multiple of He's.
        fused: Whether Adam moves all parameters in one pass.
    """

    def __init__(
        self,
        muon: Mapping[str, nn.Parameter],
        groups: Sequence[dict[str, Any]],
        everything: Sequence[nn.Parameter],
        norm_cap: float,
        fused: bool = False,
    ) -> None:
        self._muon, self._all, self._norm_cap = dict(muon), list(everything), norm_cap
        self._momentum = {n: torch.zeros_like(p) for n, p in self._muon.items()}
        self._adam = torch.optim.Adam(list(groups), betas=_BETAS, fused=fused or None)

    def move(self, muon_rate: float, adam_rate: float, clip_norm: float) -> None:
        """Change the parameters by their gradients.

        Args:
            muon_rate: Root mean square of a convolution's change.
            adam_rate: Adam's learning rate, before each group's share.
            clip_norm: Longest gradient of all parameters together; 0: any.
        """
        if clip_norm:
            nn.utils.clip_grad_norm_(self._all, clip_norm)
        for group in self._adam.param_groups:
            group["lr"] = adam_rate * group["relative"]
        self._adam.step()
        with torch.no_grad():
            for name, parameter in self._muon.items():
                self._muon_step(name, parameter, muon_rate)
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
        if norm > self._norm_cap * he:
            parameter.mul_(self._norm_cap * he / norm)


def orthogonal(matrix: Tensor) -> Tensor:
    """Return the nearest matrix with orthonormal rows, roughly."""
    a, b, c = _NEWTON
    x: Tensor = matrix / (matrix.norm() + 1e-12)
    for _ in range(_ITERATIONS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x
