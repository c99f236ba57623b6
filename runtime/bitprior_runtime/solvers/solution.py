"""What every solver returns, and the checks they share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError

Array: TypeAlias = NDArray[Any]
Counts: TypeAlias = NDArray[np.int64]
Progress: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Solution:
    """End of a solver run.

    Attributes:
        latent: Last latents [B,k].
        loss: f(latent), [B].
        history: f before each step and at the end, [longest + 1, B] with ``longest`` the most
            steps a row took; the last value is repeated where a row stopped earlier. With
            momentum, f where the gradient was taken.
        steps: Steps each row took, [B].
        evaluations: How often the networks were evaluated for each row, [B], forward alone or with
            a gradient; the Jacobian of a Gauss-Newton step counts m.
    """

    latent: Array
    loss: Array
    history: Array
    steps: Counts
    evaluations: Counts


def check_problem(y: Array, z0: Array) -> None:
    """Check measurements [B,m] against start latents [B,k].

    Raises:
        UsageError: Ranks or batch sizes do not fit, or a value is NaN or Inf.
    """
    if y.ndim != 2 or z0.ndim != 2 or len(y) != len(z0):
        raise UsageError(
            "measurements [B,m] and start latents [B,k] of one batch size",
            f"shapes {y.shape} and {z0.shape}",
            "give one start latent a measurement",
        )
    for name, value in (("measurements", y), ("start latents", z0)):
        if not np.isfinite(value).all():
            raise UsageError(
                f"finite {name}",
                f"NaN or Inf in {np.count_nonzero(~np.isfinite(value).all(axis=1))} rows",
                "check the sensor or the file",
            )


def check_range(
    name: str,
    value: float,
    least: float,
    open_end: bool = False,
    below: float = np.inf,
) -> None:
    """Check an option against its bounds: least <= value < below (least < value if open_end).

    Raises:
        UsageError: Out of bounds, or not a number.
    """
    number = isinstance(value, int | float | np.integer | np.floating)
    number = number and not isinstance(value, bool)
    inside = number and (least < value < below if open_end else least <= value < below)
    if not inside:
        sign = ">" if open_end else ">="
        upper = "" if below == np.inf else f" and < {below:g}"
        raise UsageError(f"{name} {sign} {least:g}{upper}", f"{value!r}", f"change {name}")


def check_flags(**flags: object) -> None:
    """Check that options are True, False, or None.

    Raises:
        UsageError: One is something else.
    """
    for name, value in flags.items():
        if value is not None and not isinstance(value, bool | np.bool_):
            raise UsageError(f"{name} = True or False", f"{value!r}", f"change {name}")


def check_whole(name: str, value: int, least: int, most: int) -> None:
    """Check that an option is a whole number in least..most; 1.0 and True are none.

    Raises:
        UsageError: It is not.
    """
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not (whole and least <= value <= most):
        wanted = f"{name} >= {least}, a whole number of at most {most}"
        raise UsageError(wanted, f"{value!r}", f"change {name}")


# Step sizes become float32: neither 0 nor infinite there.
LEAST_STEP, MOST_STEP = 2.0**-126, 2.0**127


def check_step_size(value: float) -> None:
    """Check a step size: above 0, and a float32.

    Raises:
        UsageError: It is not.
    """
    check_range("step_size", value, least=0, open_end=True)
    check_range("step_size", value, least=LEAST_STEP, below=MOST_STEP)
