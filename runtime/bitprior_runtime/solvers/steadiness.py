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
_PAIRS = 2
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
    # One batch: rows are rounded by batch size too, another nudge for free.
    many_y, many_z = _nudged(y, 0), _nudged(z0, 1)
    history = proximal(engine, many_y, many_z, options).history
    paths = history.reshape(len(history), -1, len(y))
    moved = np.abs(paths - paths[:, :1]).max(axis=(0, 1))
    steady: NDArray[np.bool_] = moved <= MOVED * history[0, : len(y)]
    return steady


def _nudged(values: Array, seed: int) -> Array:
    """Return values [B,n] and, below them, the same a little up and a little down."""
    noise = np.random.default_rng(seed).standard_normal((_PAIRS, *values.shape))
    # In proportion: what is zero in a sparse latent stays zero.
    steps = NUDGE * values * np.stack([noise, -noise]).reshape(-1, *values.shape)
    return np.concatenate([values, *(values + step for step in steps)]).astype(values.dtype)
