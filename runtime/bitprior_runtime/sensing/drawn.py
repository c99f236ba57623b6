"""Matrices of blocks that a few numbers name: drawn from a seed, or listed by a rule."""

import re
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing.blocks import Blocks
from bitprior_runtime.sensing.operator import Shape

FORMS = "gaussian-blocks:m=109,size=33,seed=0 or walsh-blocks:m=102,size=32"
_LARGEST = 128


def gaussian_rows(m: int, size: int, seed: int) -> NDArray[np.float32]:
    """Return m orthonormal rows that span what Gaussian rows span, [m, size * size].

    Standard normal columns [size * size, m] of ``numpy.random.default_rng(seed)``, then the Q of
    their QR factorisation. Another numpy may draw or factorise otherwise: name a file of the
    matrix where others must measure with just the same one.

    Args:
        m: Rows, at most size * size.
        size: Side of a block in pixels.
        seed: Seed of the generator.
    """
    drawn = np.random.default_rng(seed).standard_normal((size * size, m))
    rows: NDArray[np.float32] = np.linalg.qr(drawn)[0].T.astype(np.float32)
    return rows


def walsh_rows(m: int, size: int) -> NDArray[np.float32]:
    """Return the m two-dimensional Walsh functions of lowest sequency, orthonormal, [m, size^2].

    A function of sequency i down and j across has i + j in the order; of equal sums the one of
    smaller i goes first.

    Args:
        m: Rows, at most size * size.
        size: Side of a block in pixels, a power of 2.
    """
    rows = np.ones((1, 1))
    while len(rows) < size:
        rows = np.block([[rows, rows], [rows, -rows]])
    sequency = np.count_nonzero(np.diff(rows, axis=1), axis=1)
    rows = rows[np.argsort(sequency)] / np.sqrt(size)
    index = np.arange(size)
    order = np.argsort((index[:, np.newaxis] + index).ravel(), kind="stable")[:m]
    down, across = np.unravel_index(order, (size, size))
    products = rows[down][:, :, np.newaxis] * rows[across][:, np.newaxis, :]
    found: NDArray[np.float32] = products.reshape(m, size * size).astype(np.float32)
    return found


def drawn_blocks(text: str, frame: Shape | None) -> Blocks | None:
    """Make the operator that a text of :data:`FORMS` names; None: it is another text.

    Raises:
        UsageError: An unknown or missing key, a number out of its range, or no frame.
    """
    kind, _, rest = text.partition(":")
    if kind not in _KEYS:
        return None
    values = _numbers(text, rest, _KEYS[kind])
    if frame is None:
        raise UsageError("a frame for the blocks", "none", "give --frame HxW")
    m, size = values["m"], values["size"]
    if not 1 <= size <= _LARGEST or not 1 <= m <= size * size:
        expected = f"a side of 1 to {_LARGEST} pixels and 1 to size * size rows"
        raise UsageError(expected, f"size={size}, m={m}", "change them")
    if kind == "walsh-blocks" and size & (size - 1):
        raise UsageError("a power of 2 as side of Walsh functions", f"size={size}", "e.g. size=32")
    return Blocks(_MAKERS[kind](values), size, frame)


_KEYS: Mapping[str, tuple[str, ...]] = {
    "gaussian-blocks": ("m", "size", "seed"),
    "walsh-blocks": ("m", "size"),
}
_MAKERS: Mapping[str, Callable[[Mapping[str, int]], NDArray[np.float32]]] = {
    "gaussian-blocks": lambda v: gaussian_rows(v["m"], v["size"], v["seed"]),
    "walsh-blocks": lambda v: walsh_rows(v["m"], v["size"]),
}


def _numbers(text: str, rest: str, keys: tuple[str, ...]) -> Mapping[str, int]:
    given = [part.partition("=") for part in rest.split(",")]
    values = {key: value for key, _, value in given}
    fits = set(values) == set(keys) and len(given) == len(keys)
    if not fits or not all(re.fullmatch(r"\d{1,9}", v, flags=re.ASCII) for v in values.values()):
        expected = f"whole numbers for {', '.join(keys)}"
        raise UsageError(expected, repr(text), f"write it as {FORMS}")
    return {key: int(value) for key, value in values.items()}
