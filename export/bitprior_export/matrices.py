"""Random measurement matrices, the same in training and in export: a function of kind and seed."""

import math

import numpy as np
from numpy.typing import NDArray


def gaussian_matrix(m: int, n: int, seed: int) -> NDArray[np.float32]:
    """Return W [m,n] ~ N(0, 1/m), as compressed sensing takes it."""
    drawn = np.random.default_rng(seed).standard_normal((m, n), dtype=np.float32)
    matrix: NDArray[np.float32] = drawn / np.float32(math.sqrt(m))
    return matrix


def rademacher_signs(m: int, n: int, seed: int) -> tuple[NDArray[np.float32], np.float32]:
    """Return signs [m,n], +-1 with probability 1/2 each, and their scale 1/sqrt(m)."""
    bits = np.random.default_rng(seed).integers(0, 2, (m, n), dtype=np.int8)
    signs: NDArray[np.float32] = bits * np.float32(2) - np.float32(1)
    return signs, np.float32(1 / math.sqrt(m))
