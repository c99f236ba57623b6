"""The solvers of the runtime on a torch generator, and L-BFGS as the paper runs it."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bitprior_runtime.solvers.lbfgs import LbfgsOptions, lbfgs
from bitprior_train.surgery.cuts import CutGenerator
from bitprior_train.surgery.operators import Operator
from bitprior_train.surgery.problem import Problem

Array = NDArray[np.float32]
_CURVATURE_NUMBERS = 2**26  # float32, 256 MB: more rows go one batch after the other


class TorchEngine:
    """f(z) = mean over m of (y - A G_c(z))^2, row by row; an engine for the runtime's solvers.

    Engines of the runtime take the sum of squares; Generator Surgery's step sizes are for the mean.

    Args:
        generator: G_c.
        operator: A.
    """

    name, kernel = "torch", "autograd"

    def __init__(self, generator: CutGenerator, operator: Operator) -> None:
        self._generator, self._operator = generator, operator

    def generate(self, z: Array) -> Array:
        """Return G_c(z), [B,C,H,W]."""
        with torch.no_grad():
            images: Array = self._generator(torch.from_numpy(z)).numpy()
        return images

    def sense(self, x: Array) -> Array:
        """Return A x, [B,m]."""
        with torch.no_grad():
            y: Array = self._operator(torch.from_numpy(x)).numpy()
        return y

    def loss(self, z: Array, y: Array) -> Array:
        """Return f(z), [B]."""
        with torch.no_grad():
            f: Array = self._losses(torch.from_numpy(z), y).numpy()
        return f

    def value_and_grad(self, z: Array, y: Array) -> tuple[Array, Array]:
        """Return f(z), [B], and its gradient, [B,k]."""
        latent = torch.from_numpy(z).requires_grad_()
        f = self._losses(latent, y)
        (grad,) = torch.autograd.grad(f.sum(), latent)
        return f.detach().numpy(), grad.numpy()

    def _losses(self, z: Tensor, y: Array) -> Tensor:
        error = self._operator(self._generator(z)) - torch.from_numpy(y)
        return error.square().mean(dim=1)


@dataclass(frozen=True)
class Descent:
    """L-BFGS of one recovery.

    Attributes:
        lr: Length of a step, or the first one tried.
        iterations: Most iterations. The paper's 25 optimiser steps are 500: each of torch's
            optimiser steps has up to 20 inner ones, and goes on where the last one ended.
        line_search: Search steps for the strong Wolfe conditions; the paper does not.
    """

    lr: float
    iterations: int
    line_search: bool = False


def minimise(generator: CutGenerator, problem: Problem, z0: Array, descent: Descent) -> Array:
    """Return latents [B,k] that L-BFGS reaches from z0 [B,k], each row by itself.

    The paper's code runs torch.optim.LBFGS on one image, which this equals row by row; but where
    a tolerance ends one of torch's optimiser steps, and the next one begins, here the row ends.
    A row that diverges holds NaN or infinities, and no other row notices.
    """
    options = LbfgsOptions(
        steps=descent.iterations, step_size=descent.lr, line_search=descent.line_search
    )
    engine, y = TorchEngine(generator, problem.operator), problem.y.numpy()
    pairs = min(options.history, options.steps)
    at_once = max(1, _CURVATURE_NUMBERS // (2 * pairs * generator.variables))
    starts = range(0, len(z0), at_once)
    batches = [(y[i : i + at_once], z0[i : i + at_once]) for i in starts]
    return np.concatenate([lbfgs(engine, *batch, options).latent for batch in batches])
