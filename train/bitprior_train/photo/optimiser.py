"""Which parameters of a photo prior Muon moves, which Adam, and at what rates."""

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from bitprior_train.muon import MuonAndAdam
from bitprior_train.photo.config import PhotoOptimiserConfig

_SMALLEST = 16  # outputs and inputs of a convolution that Muon serves
_SCALE_RATE = 0.05
_CLIP_NORM = 1.0


class PhotoOptimiser(MuonAndAdam):
    """Both optimisers.

    Args:
        config: Rates.
        parameters: All parameters by name.
    """

    def __init__(
        self, config: PhotoOptimiserConfig, parameters: Mapping[str, nn.Parameter]
    ) -> None:
        self._config = config
        muon = {n: p for n, p in parameters.items() if _is_inner(p)}
        scales = [p for n, p in parameters.items() if "scaling_impl" in n]
        rest = [p for n, p in parameters.items() if n not in muon and "scaling_impl" not in n]
        groups: list[dict[str, Any]] = [{"params": rest, "relative": 1.0}]
        if scales:
            groups.append({"params": scales, "relative": _SCALE_RATE})
        super().__init__(muon, groups, [*muon.values(), *rest, *scales], config.norm_cap)

    def step(self, share: float) -> None:
        """Change the parameters by their gradients; ``share`` of the run is done."""
        config = self._config
        fall = config.floor + (1 - config.floor) * 0.5 * (1 + math.cos(math.pi * share))
        self.move(config.lr * fall, config.adam_lr * fall, _CLIP_NORM)


def _is_inner(parameter: Tensor) -> bool:
    return parameter.ndim == 4 and min(parameter.shape[:2]) >= _SMALLEST
