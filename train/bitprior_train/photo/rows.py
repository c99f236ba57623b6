"""Rows of random sensing matrices: what a block of pixels is measured with."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def gaussian(random: np.random.Generator, size: int, m: int) -> Floats:
    """Return orthonormal rows of a Gaussian matrix."""
    return np.linalg.qr(random.standard_normal((size * size, m)))[0].T


def raw_gaussian(random: np.random.Generator, size: int, m: int) -> Floats:
    """Return a Gaussian matrix as it is drawn."""
    return random.standard_normal((m, size * size)) / size


def rademacher(random: np.random.Generator, size: int, m: int) -> Floats:
    """Return rows of random signs."""
    return random.choice([-1.0, 1.0], (m, size * size)) / size


def binary(random: np.random.Generator, size: int, m: int) -> Floats:
    """Return rows of random zeros and ones."""
    return random.choice([0.0, 1.0], (m, size * size)) / size


def low_walsh(random: np.random.Generator, size: int, m: int) -> Floats:
    """Return Walsh patterns of lowest sequency."""
    return _two_dimensional(walsh_rows(size), _low_first(size), m)


def random_walsh(random: np.random.Generator, size: int, m: int) -> Floats:
    """Return the constant Walsh pattern and random others, each low one likelier."""
    low = _low_first(size)
    weight = 1 / (1.0 + np.arange(len(low))) ** random.uniform(0, 0.8)
    weight[0] = 1e9
    keys = random.exponential(size=len(low)) / weight
    return _two_dimensional(walsh_rows(size), low[np.argsort(keys)], m)


def low_cosine(random: np.random.Generator, size: int, m: int) -> Floats:
    """Return cosine patterns of lowest frequency."""
    return _two_dimensional(cosine_rows(size), _low_first(size), m)


def mask(random: np.random.Generator, size: int, m: int) -> Floats:
    """Return random single pixels."""
    return np.eye(size * size)[random.permutation(size * size)[:m]]


def average(random: np.random.Generator, size: int, m: int) -> Floats:
    """Return means of small squares, about m of them."""
    side = min(max(round(size / np.sqrt(m)), 2), size // 2)
    count = size // side
    cells = np.minimum(np.arange(size) // side, count - 1)
    one = (cells == np.arange(count)[:, None]).astype(float)
    one /= np.sqrt(one.sum(axis=1, keepdims=True))
    rows = np.einsum("ia,jb->ijab", one, one).reshape(count * count, -1)
    return np.asarray(rows[random.permutation(len(rows))[: max(m, 1)]])


def walsh_rows(size: int) -> Floats:
    """Return Walsh functions of a power of two by rising sequency, orthonormal rows."""
    rows = np.ones((1, 1))
    while len(rows) < size:
        rows = np.block([[rows, rows], [rows, -rows]])
    sequency = np.count_nonzero(np.diff(rows, axis=1), axis=1)
    return np.asarray(rows[np.argsort(sequency)] / np.sqrt(size))


def cosine_rows(size: int) -> Floats:
    """Return the orthonormal cosine transform of type II."""
    k, x = np.indices((size, size))
    rows = np.cos(np.pi * k * (2 * x + 1) / (2 * size)) * np.sqrt(2 / size)
    rows[0] /= np.sqrt(2)
    return np.asarray(rows)


def _two_dimensional(rows: Floats, order: NDArray[np.intp], m: int) -> Floats:
    """Return products of one-dimensional rows, in an order of their pairs."""
    size = len(rows)
    i, j = np.unravel_index(order[:m], (size, size))
    return np.asarray(np.einsum("ma,mb->mab", rows[i], rows[j]).reshape(-1, size * size))


def _low_first(size: int) -> NDArray[np.intp]:
    index = np.arange(size)
    return np.argsort((index[:, None] + index).ravel(), kind="stable")


Make = Callable[[np.random.Generator, int, int], Floats]
# Kind of rows: how likely, sides of blocks.
KINDS: Mapping[Make, tuple[float, tuple[int, ...]]] = {
    gaussian: (0.56, (33, 33, 33, 33, 32, 16)),
    raw_gaussian: (0.05, (33, 32, 16, 48)),
    rademacher: (0.05, (33, 32, 16)),
    binary: (0.04, (32, 16, 40)),
    low_walsh: (0.09, (16, 32, 32, 64)),
    random_walsh: (0.08, (16, 32, 64)),
    low_cosine: (0.04, (8, 16, 32)),
    mask: (0.05, (33, 32)),
    average: (0.04, (32, 16)),
}
