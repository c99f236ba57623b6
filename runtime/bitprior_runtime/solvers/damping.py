"""The damping of Levenberg-Marquardt, steered by the gain ratio."""

import numpy as np

from bitprior_runtime.solvers.running import Mask, Rows
from bitprior_runtime.solvers.solution import Array

# After a first step without damping failed: the share of diag(J^T J) that the next one gets.
FIRST = 1e-6


class Damping(Rows):
    """lambda of every row (Nielsen 1999).

    The gain ratio is the fall of f over the fall that the linear model promised:
    lambda <- lambda max(1/3, 1 - (2 ratio - 1)^3) after a step that lowered f; otherwise
    lambda <- nu lambda and nu <- 2 nu, with nu = 2 at first.

    Args:
        rows: R.
        share: First lambda, as a share of the largest entry of diag(J^T J).

    Attributes:
        weight: lambda, [R].
    """

    def __init__(self, rows: int, share: float) -> None:
        self.weight = np.zeros(rows)
        self._share = share
        self._begun = np.zeros(rows, dtype=bool)
        self._largest = np.zeros(rows)
        self._growth = np.full(rows, 2.0)

    def begin(self, jacobian: Array) -> None:
        """Take in the Jacobians [R,m,k] of a step."""
        self._largest = np.einsum("rmk,rmk->rk", jacobian, jacobian).max(axis=1).astype(np.float64)
        self.weight = np.where(self._begun, self.weight, self._share * self._largest)
        self._begun[:] = True
        self._growth[:] = 2.0

    def judge(self, rows: Array, lower: Mask, ratio: Array) -> None:
        """Lower lambda in the rows whose step lowered f, raise it in the others.

        Args:
            rows: Indices of the rows tried.
            lower: Which of them lowered f.
            ratio: Gain ratios; NaN where none can be given.
        """
        good, bad = rows[lower], rows[~lower]
        # P_s may make the model worse than promised, with a ratio of any sign.
        gain = np.clip(np.nan_to_num(ratio[lower], nan=0.0), 0.0, 1.0)
        self.weight[good] *= np.maximum(1 / 3, 1 - (2 * gain - 1) ** 3)
        self.weight[bad] = np.maximum(self.weight[bad], FIRST * self._largest[bad])
        self.weight[bad] *= self._growth[bad]
        self._growth[bad] *= 2
