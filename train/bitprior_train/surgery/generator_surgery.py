"""Generator Surgery: recovery with a cut prior; uncut, it is CSGM; and with untrained weights."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bitprior_runtime.errors import UsageError
from bitprior_train.surgery.cuts import CutGenerator
from bitprior_train.surgery.engine import Descent, minimise
from bitprior_train.surgery.inits import Init, check_init, start_latents
from bitprior_train.surgery.problem import Problem, Recovered, best_restart, clamped_loss

# Recovers images [B, C, H, W] by itself, to start from.
FirstGuess = Callable[[Problem], Tensor]


def recovered(generator: CutGenerator, problem: Problem, z: NDArray[np.float32]) -> Recovered:
    """Return what latents [B,k] show. A row that has diverged shows black: it has found nothing."""
    with torch.no_grad():
        images = torch.nan_to_num(generator(torch.from_numpy(z)), nan=0.0).clamp(0, 1)
    return Recovered(images, clamped_loss(problem, images), generator.variables)


class GeneratorSurgery:
    """min over z_c of mean (y - A G_c(z_c))^2 by L-BFGS, for all images of a problem at once.

    Args:
        generator: G_c.
        lr: L-BFGS's; see :class:`~bitprior_train.surgery.engine.Descent`.
        iterations: As ``lr``.
        line_search: As ``lr``.
        init: Where it starts, see :mod:`~bitprior_train.surgery.inits`. ``lasso-inverse`` is that
            of the paper's code: z_c is first fitted to the measurements of the first guess.
        first_guess: What ``lasso-inverse`` starts from.

    Raises:
        UsageError: Unknown init, or no first guess for it.
    """

    def __init__(
        self,
        generator: CutGenerator,
        lr: float,
        iterations: int,
        line_search: bool = False,
        init: str = "clamped-normal",
        first_guess: FirstGuess | None = None,
    ) -> None:
        self._init: Init = check_init(init)
        if init == "lasso-inverse" and first_guess is None:
            raise UsageError("a first guess for lasso-inverse", "none", "give one")
        self._generator, self._first_guess = generator, first_guess
        self._descent = Descent(lr, iterations, line_search)
        self.name = "GS" if generator.cut else "CSGM"
        self.settings: dict[str, float | int | str] = {"cut": generator.cut, "init": init}
        self.settings |= vars(self._descent)

    def recover(self, problem: Problem, seed: int, restarts: int) -> Recovered:
        """See :meth:`~bitprior_train.surgery.problem.Method.recover`."""
        starts = start_latents(
            self._init, len(problem.y), self._generator.variables, seed, restarts
        )
        if self._init == "lasso-inverse":
            assert self._first_guess is not None
            guess = self._first_guess(problem)
            before = Problem(problem.operator, problem.operator(guess))
            starts = np.stack([self._fit(before, z0) for z0 in starts])
            starts = np.nan_to_num(starts, nan=0.0, posinf=0.0, neginf=0.0)
        found = [self._fit(problem, z0) for z0 in starts]
        return best_restart([recovered(self._generator, problem, z) for z in found])

    def _fit(self, problem: Problem, z0: NDArray[np.float32]) -> NDArray[np.float32]:
        return minimise(self._generator, problem, z0, self._descent)


class UntrainedSurgery:
    """Generator Surgery with a network that has learned nothing.

    As in the paper: default weights, drawn anew for every image and shared by its restarts; batch
    norms in evaluation mode. So images are recovered one by one.

    Args:
        draw: Makes G_c with new weights, from torch's global random numbers.
        lr: As for :class:`GeneratorSurgery`.
        iterations: As for :class:`GeneratorSurgery`.
        line_search: As for :class:`GeneratorSurgery`.
    """

    name = "Untrained GS"

    def __init__(
        self,
        draw: Callable[[], CutGenerator],
        lr: float,
        iterations: int,
        line_search: bool = False,
    ) -> None:
        self._draw, self._descent = draw, Descent(lr, iterations, line_search)
        self.settings: dict[str, float | int | str] = {
            "cut": draw().cut,
            "init": "clamped-normal",
            **vars(self._descent),
        }

    def recover(self, problem: Problem, seed: int, restarts: int) -> Recovered:
        """See :meth:`~bitprior_train.surgery.problem.Method.recover`."""
        rows = [self._one(problem, seed, restarts, row) for row in range(len(problem.y))]
        return Recovered(
            torch.cat([row.images for row in rows]),
            torch.cat([row.losses for row in rows]),
            rows[0].variables,
        )

    def _one(self, problem: Problem, seed: int, restarts: int, row: int) -> Recovered:
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(seed * 1_000_003 + row)
            generator = self._draw()
        same = Problem(problem.operator, problem.y[row].expand(restarts, -1))
        z0 = start_latents("clamped-normal", row + 1, generator.variables, seed, restarts)[:, row]
        found = recovered(generator, same, minimise(generator, same, z0, self._descent))
        best = int(found.losses.argmin())
        chosen = slice(best, best + 1)
        return Recovered(found.images[chosen], found.losses[chosen], found.variables)
