"""Recoveries that hinge on rounding: which rows would end elsewhere on another machine.

The path of a recovery has forks: P_s keeps one of two entries that all but tie, a LeakyReLU's
input is zero but for rounding. Which way it goes there, the order of a sum decides, and with it
the machine. Such rows are right either way, and cannot be compared.
"""

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.engines.base import Engine
from bitprior_runtime.solvers.proximal import ProximalOptions, proximal
from bitprior_runtime.solvers.solution import Array

# A few times what float32 rounds; up and down, so that one of the two crosses a near fork.
NUDGE = 1e-6
_NUDGES = 2
_SEED = 0
# Of the first loss. A nudge without a fork stays well below.
MOVED = 1e-4


def steady_rows(engine: Engine, y: Array, z0: Array, options: ProximalOptions) -> NDArray[np.bool_]:
    """Tell which rows of a proximal recovery end where they end if nudged, [B].

    Args:
        engine: The arithmetic.
        y: Measurements [B,m].
        z0: Start latents [B,k].
        options: Of the solver.
    """
    rng = np.random.default_rng(_SEED)
    noise = [
        (sign * rng_y, sign * rng_z)
        for rng_y, rng_z in (_noise(rng, y, z0) for _ in range(_NUDGES))
        for sign in (1, -1)
    ]
    # One batch: rows are rounded by batch size too, another nudge for free.
    many_y = np.concatenate([y, *(y + dy for dy, _ in noise)]).astype(y.dtype)
    many_z = np.concatenate([z0, *(z0 + dz for _, dz in noise)]).astype(z0.dtype)
    history = proximal(engine, many_y, many_z, options).history
    paths = history.reshape(len(history), -1, len(y))
    moved = np.abs(paths - paths[:, :1]).max(axis=(0, 1))
    steady: NDArray[np.bool_] = moved <= MOVED * history[0, : len(y)]
    return steady


def _noise(rng: np.random.Generator, y: Array, z0: Array) -> tuple[Array, Array]:
    # In proportion: what is zero in a sparse latent stays zero.
    return tuple(NUDGE * value * rng.standard_normal(value.shape) for value in (y, z0))
