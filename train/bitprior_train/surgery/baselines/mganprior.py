"""mGANprior (Gu et al. 2020): several latents, whose features are weighted and summed."""

from math import prod

import torch
from torch import Tensor

from bitprior_runtime.errors import UsageError
from bitprior_train.surgery.baselines.fitting import fit, found
from bitprior_train.surgery.cuts import CutGenerator
from bitprior_train.surgery.inits import start_latents
from bitprior_train.surgery.problem import Problem, Recovered, best_restart


class MGANPrior:
    """min over z_1..z_N, alpha_1..alpha_N of mean (y - A G_c(sum of alpha_n h_c(z_n)))^2 by Adam.

    alpha_n weights the channels of the features that the first c blocks make of z_n. The skip of
    a BEGAN, where G_c has one, is a variable, too.

    Args:
        generator: G_c and the blocks before it, h_c; c > 0.
        latent: Length of a z_n, k_0.
        codes: N.
        lr: Of Adam.
        steps: Of Adam.

    Raises:
        UsageError: The generator is not cut.
    """

    name = "mGANprior"

    def __init__(
        self, generator: CutGenerator, latent: int, codes: int, lr: float, steps: int
    ) -> None:
        if not generator.cut:
            raise UsageError("a generator of one or more dropped blocks", "cut 0", "cut it")
        self._generator, self._steps, self._lr = generator, steps, lr
        features, *skip = generator.parts
        self._features = features
        self._sizes = [codes * latent, codes * features[0], sum(prod(part) for part in skip)]
        self._codes = codes
        self.settings: dict[str, float | int | str] = {
            "cut": generator.cut,
            "codes": codes,
            "lr": lr,
            "steps": steps,
        }

    @property
    def variables(self) -> int:
        """Numbers in z_1..z_N, alpha_1..alpha_N and the skip.

        Table 1 of Generator Surgery counts one alpha for all N: 0.195 n with a BEGAN of 128 x 128,
        where 0.245 n are optimised.
        """
        return sum(self._sizes)

    def recover(self, problem: Problem, seed: int, restarts: int) -> Recovered:
        """See :meth:`~bitprior_train.surgery.problem.Method.recover`."""
        starts = start_latents("clamped-normal", len(problem.y), self.variables, seed, restarts)
        return best_restart([self._restart(problem, torch.from_numpy(v)) for v in starts])

    def _restart(self, problem: Problem, start: Tensor) -> Recovered:
        variables = start.clone().requires_grad_()
        fit(problem, lambda: self._images(variables), [([variables], self._lr)], self._steps)
        with torch.no_grad():
            return found(problem, self._images(variables), self.variables)

    def _images(self, variables: Tensor) -> Tensor:
        """Return images [B, C, H, W] of all variables, flat, [B, their number]."""
        codes, alpha, skip = variables.split(self._sizes, dim=1)
        rows, size = len(codes), prod(self._features)
        heads = self._generator.head(codes.reshape(rows * self._codes, -1))[:, :size]
        features = heads.reshape(rows, self._codes, self._features[0], -1)
        summed = torch.einsum("bnc,bncp->bcp", alpha.reshape(rows, self._codes, -1), features)
        images: Tensor = self._generator(torch.cat([summed.flatten(1), skip], dim=1))
        return images
