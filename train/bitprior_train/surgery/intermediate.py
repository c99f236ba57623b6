"""Intermediate-layer optimisation (Daras et al. 2021): a cut that may not go far."""

from math import sqrt

import numpy as np
import torch
from torch import Tensor

from bitprior_train.metrics import psnr
from bitprior_train.surgery.cuts import CutGenerator
from bitprior_train.surgery.engine import Descent, minimise
from bitprior_train.surgery.generator_surgery import recovered
from bitprior_train.surgery.inits import start_latents
from bitprior_train.surgery.problem import (
    Problem,
    Recovered,
    best_restart,
    measure,
)

# Radii that are tried on validation images, relative to sqrt(k_c).
RADII = (0.05, 0.1, 0.2, 0.4, 0.8)
_VALIDATION_SEED = 1_000_003  # their noise and starts are not those of the images to recover


class IntermediateLayers:
    """First z of the whole prior, then z_c in a ball around h_c(z).

    z by L-BFGS as in CSGM; then projected Adam on z_c, |z_c - h_c(z)|_2 <= r sqrt(k_c).

    Args:
        whole: G_0.
        rest: G_c.
        validation: Images [B, C, H, W] on whose recovery r is chosen, anew for every problem.
        lr: Of L-BFGS on z.
        iterations: As ``lr``.
        line_search: As ``lr``.
        adam_lr: Of Adam on z_c.
        adam_steps: As ``adam_lr``.
        radius: r; None: the one of ``RADII`` with the best mean PSNR of ``validation``.
    """

    name = "ILO"

    def __init__(
        self,
        whole: CutGenerator,
        rest: CutGenerator,
        validation: Tensor,
        lr: float,
        iterations: int,
        line_search: bool = False,
        adam_lr: float = 0.02,
        adam_steps: int = 200,
        radius: float | None = None,
    ) -> None:
        self._whole, self._rest, self._validation = whole, rest, validation
        self._descent = Descent(lr, iterations, line_search)
        self._adam_lr, self._adam_steps, self._radius = adam_lr, adam_steps, radius
        self.settings: dict[str, float | int | str] = {
            "cut": rest.cut,
            "init": "clamped-normal",
            **vars(self._descent),
            "adam_lr": adam_lr,
            "adam_steps": adam_steps,
            "radius_from": "given" if radius else f"{len(validation)} validation images",
        }

    def recover(self, problem: Problem, seed: int, restarts: int) -> Recovered:
        """See :meth:`~bitprior_train.surgery.problem.Method.recover`; notes r in ``settings``."""
        radius = self._radius or self._choose(problem, seed)
        self.settings["radius"] = radius
        centres = self._centres(problem, seed, restarts)
        return best_restart([self._inside(problem, centre, radius) for centre in centres])

    def _choose(self, problem: Problem, seed: int) -> float:
        trial = measure(problem.operator, self._validation, seed + _VALIDATION_SEED)
        (centre,) = self._centres(trial, seed + _VALIDATION_SEED, 1)
        truth = self._validation.numpy()
        return max(
            RADII,
            key=lambda r: psnr(self._inside(trial, centre, r).images.numpy(), truth).mean(),
        )

    def _centres(self, problem: Problem, seed: int, restarts: int) -> list[Tensor]:
        """Return h_c(z) of each restart, [B, k_c]."""
        starts = start_latents(
            "clamped-normal", len(problem.y), self._whole.variables, seed, restarts
        )
        found = [minimise(self._whole, problem, z0, self._descent) for z0 in starts]
        with torch.no_grad():
            return [self._rest.head(torch.from_numpy(np.nan_to_num(z))) for z in found]

    def _inside(self, problem: Problem, centre: Tensor, radius: float) -> Recovered:
        """Minimise over z_c in the ball, from its centre; row by row, as Adam is elementwise."""
        longest = radius * sqrt(self._rest.variables)
        z = centre.clone().requires_grad_()
        adam = torch.optim.Adam([z], lr=self._adam_lr)
        for _ in range(self._adam_steps):
            error = problem.operator(self._rest(z)) - problem.y
            (z.grad,) = torch.autograd.grad(error.square().mean(dim=1).sum(), z)
            adam.step()
            with torch.no_grad():
                step = z - centre
                norm = step.norm(dim=1, keepdim=True).clamp(min=1e-12)
                z.copy_(centre + step * (longest / norm).clamp(max=1.0))
        return recovered(self._rest, problem, z.detach().numpy())
