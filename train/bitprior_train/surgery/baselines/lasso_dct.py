"""Lasso-DCT: the image whose discrete cosine transform is sparse; nothing is learned."""

from torch import Tensor

from bitprior_train.surgery.baselines.admm import lasso_of, solve, synthesis
from bitprior_train.surgery.baselines.fitting import found
from bitprior_train.surgery.problem import Problem, Recovered

ALPHA = 0.01


def lasso_dct(problem: Problem) -> Tensor:
    """Return the images [B, C, H, W] in [0, 1] of Lasso-DCT with the paper's settings."""
    return LassoDCT().recover(problem, seed=0, restarts=1).images


class LassoDCT:
    """min over z of |y - A Phi z|^2 + alpha |z|_1, Phi the orthonormal inverse 2-D DCT a channel.

    The paper's code calls scikit-learn's ``Lasso(alpha)``, whose first term has a factor 1/(2m),
    on sqrt(2m) A Phi and sqrt(2m) y, one image after the other, and ends after 1000 rounds, short
    of the minimum. Here all images are solved at once, to a duality gap that proves how near the
    minimum they are; at the default the objective is some 0.1 % above it.

    Args:
        alpha: Weight of |z|_1.
        intercept: Fit a constant beside A Phi z, which is left out of the image: scikit-learn's
            default, which the paper's code leaves on. Without it the objective is the printed one.
        tolerance: Largest duality gap of an image, relative to its objective.
        iterations: Most iterations of ADMM.
    """

    name = "Lasso-DCT"

    def __init__(
        self,
        alpha: float = ALPHA,
        intercept: bool = True,
        tolerance: float = 1e-2,
        iterations: int = 2000,
    ) -> None:
        self._alpha, self._intercept = alpha, intercept
        self._tolerance, self._iterations = tolerance, iterations
        self.settings: dict[str, float | int | str] = {
            "alpha": alpha,
            "intercept": intercept,
            "tolerance": tolerance,
            "iterations": iterations,
        }

    def recover(self, problem: Problem, seed: int, restarts: int) -> Recovered:
        """See :meth:`~bitprior_train.surgery.problem.Method.recover`.

        The problem is convex and starts from 0: seed and restarts make no difference.
        """
        operator = problem.operator
        lasso = lasso_of(operator, problem.y, self._alpha, self._intercept)
        z = solve(lasso, self._tolerance, self._iterations)
        return found(problem, synthesis(z.reshape(-1, *operator.geometry)), operator.pixels)
