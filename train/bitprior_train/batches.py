"""Randomness of a run: every draw is a function of (seed, step), so resuming needs no state."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bitprior_train.reference import unit_rows

_ORDER, _LATENTS, _VALIDATION = 1, 2, 3  # one independent stream each


class Batches:
    """Training images in a new random order each epoch; a last, incomplete batch is left out.

    Args:
        images: uint8 [N, C, H, W], ``peak`` standing for 1.0.
        peak: See ``images``.
        batch: Images per step.
        seed: Seed of the run.
    """

    def __init__(self, images: NDArray[np.uint8], peak: int, batch: int, seed: int) -> None:
        self._images = torch.from_numpy(images)
        self._peak, self._batch, self._seed = peak, batch, seed
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.int64)

    def __getitem__(self, step: int) -> Tensor:
        """Return the images of a step, float32 [B, C, H, W] in [0, 1]."""
        epoch, index = divmod(step, len(self._images) // self._batch)
        if epoch != self._epoch:
            random = np.random.default_rng([self._seed, _ORDER, epoch])
            self._epoch, self._order = (
                epoch,
                torch.from_numpy(random.permutation(len(self._images))),
            )
        chosen = self._order[index * self._batch : (index + 1) * self._batch]
        return self._images[chosen].to(torch.float32) / self._peak


def latents(count: int, size: int, seed: int, step: int) -> Tensor:
    """Draw z0 [count, size] of a training step: N(0, I), each row scaled to unit L2 norm."""
    return _unit_rows(np.random.default_rng([seed, _LATENTS, step]), count, size)


def validation_latents(count: int, size: int, seed: int) -> Tensor:
    """Draw the z0 [count, size] of every validation."""
    return _unit_rows(np.random.default_rng([seed, _VALIDATION]), count, size)


def _unit_rows(random: np.random.Generator, count: int, size: int) -> Tensor:
    return unit_rows(torch.from_numpy(random.standard_normal((count, size), dtype=np.float32)))
