"""IAGAN (Abu Hussein et al. 2020): fit the latent, then the latent and the network's weights."""

import torch
from torch import Tensor
from torch.func import functional_call

from bitprior_train.surgery.baselines.fitting import fit, found
from bitprior_train.surgery.cuts import CutGenerator
from bitprior_train.surgery.inits import start_latents
from bitprior_train.surgery.problem import Problem, Recovered, best_restart


class IAGAN:
    """min over z, then over z and the weights of G, of mean (y - A G(z))^2, by Adam.

    The generator itself is never changed: every image and restart adapts a copy of its weights.
    (The paper's code resets them per image only: what they learned at one m and restart leaks
    into the next.) Batch norms use their trained statistics, which are not adapted. A low-bit
    prior's weights leave their grid: what is recovered with fits no board's bundle.

    Args:
        generator: G_0, uncut, in evaluation mode.
        latent_steps: Of Adam on z alone; the paper: 1000 for a VAE.
        joint_steps: Of Adam on z and the weights.
        latent_lr: Of z alone.
        joint_latent_lr: Of z beside the weights.
        weight_lr: Of the weights.
    """

    name = "IAGAN"

    def __init__(
        self,
        generator: CutGenerator,
        latent_steps: int = 1600,
        joint_steps: int = 600,
        latent_lr: float = 0.1,
        joint_latent_lr: float = 1e-4,
        weight_lr: float = 1e-4,
    ) -> None:
        self._generator = generator
        self._latent_steps, self._joint_steps = latent_steps, joint_steps
        self._latent_lr, self._joint_latent_lr = latent_lr, joint_latent_lr
        self._weight_lr = weight_lr
        self.variables = generator.variables + sum(p.numel() for p in generator.parameters())
        self.settings: dict[str, float | int | str] = {
            "latent_steps": latent_steps,
            "joint_steps": joint_steps,
            "latent_lr": latent_lr,
            "joint_latent_lr": joint_latent_lr,
            "weight_lr": weight_lr,
        }

    def recover(self, problem: Problem, seed: int, restarts: int) -> Recovered:
        """See :meth:`~bitprior_train.surgery.problem.Method.recover`."""
        starts = start_latents(
            "clamped-normal", len(problem.y), self._generator.variables, seed, restarts
        )
        return best_restart([self._restart(problem, torch.from_numpy(z)) for z in starts])

    def _restart(self, problem: Problem, z0: Tensor) -> Recovered:
        z = z0.clone().requires_grad_()
        fit(problem, lambda: self._generator(z), [([z], self._latent_lr)], self._latent_steps)
        rows = range(len(z))
        images = [
            self._adapt(Problem(problem.operator, problem.y[i : i + 1]), z[i : i + 1]) for i in rows
        ]
        return found(problem, torch.cat(images), self.variables)

    def _adapt(self, problem: Problem, z0: Tensor) -> Tensor:
        """Return the image [1, C, H, W] of a copy of the network, fitted with z from z0 [1, k]."""
        z = z0.detach().clone().requires_grad_()
        weights = {
            name: weight.detach().clone().requires_grad_()
            for name, weight in self._generator.named_parameters()
        }
        variables = [([z], self._joint_latent_lr), (weights.values(), self._weight_lr)]
        fit(problem, lambda: self._images(z, weights), variables, self._joint_steps)
        with torch.no_grad():
            return self._images(z, weights)

    def _images(self, z: Tensor, weights: dict[str, Tensor]) -> Tensor:
        images: Tensor = functional_call(self._generator, weights, (z,))
        return images
