"""Where recovery with a cut prior starts."""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError
from bitprior_runtime.solvers import initial_latents

Init = Literal["clamped-normal", "zero", "normal-5", "normal-10", "lasso-inverse"]
INITS: tuple[Init, ...] = get_args(Init)


def check_init(init: str) -> Init:
    """Return ``init`` if it is one.

    Raises:
        UsageError: It is not.
    """
    for known in INITS:
        if known == init:
            return known
    raise UsageError(f"an init out of {', '.join(INITS)}", repr(init), "choose one of them")


def start_latents(
    init: Init, rows: int, size: int, seed: int, restarts: int
) -> NDArray[np.float32]:
    """Draw start latents, [restarts, rows, k]; restart r of row i is the same however many.

    ``clamped-normal``: N(0, 1) clamped to [-1, 1], the paper's; ``normal-5`` and ``normal-10``:
    standard deviations 5 and 10, as in its code (its text has them as variances); what
    ``lasso-inverse`` begins with is clamped-normal.
    """
    if init == "zero":
        return initial_latents(rows, size, seed, restarts, "zero")
    if init in ("normal-5", "normal-10"):
        deviation = np.float32(init.removeprefix("normal-"))
        return deviation * initial_latents(rows, size, seed, restarts, "normal")
    return initial_latents(rows, size, seed, restarts, "clamped-normal")
