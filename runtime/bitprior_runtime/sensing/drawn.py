"""Matrices that a few numbers name: drawn from a seed, or listed by a rule."""

import math
import re
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing.blocks import Blocks
from bitprior_runtime.sensing.composed import Weighted
from bitprior_runtime.sensing.operator import Shape, named
from bitprior_runtime.sensing.options import Options
from bitprior_runtime.sensing.patterns import Patterns

FORMS = "gaussian-blocks:m=109,size=33,seed=0 or walsh-blocks:m=102,size=32"
GAUSSIAN_FORM = "gaussian:m=250,seed=0"
RADEMACHER_FORM = "rademacher:m=250,seed=0"
_LARGEST = 128
# A text in a file of readings must not cost more than seconds: entries of a matrix of blocks, and
# bytes of one of a whole frame.
_MOST_ENTRIES = 2**23
_MOST_BYTES = 2**28
_DRAWN = 2**22  # bits drawn together


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


def gaussian_matrix(m: int, n: int, seed: int) -> NDArray[np.float32]:
    """Return W [m,n] ~ N(0, 1/m), as compressed sensing takes it."""
    drawn = np.random.default_rng(seed).standard_normal((m, n), dtype=np.float32)
    matrix: NDArray[np.float32] = drawn / np.float32(math.sqrt(m))
    return matrix


def rademacher_bits(m: int, n: int, seed: int) -> NDArray[np.uint8]:
    """Return the bits of signs [m,n], 1 for +1, packed along each row: [m, ceil(n / 8)]."""
    random = np.random.default_rng(seed)
    rows = np.empty((m, -(-n // 8)), np.uint8)
    # The generator gives four at a time: groups of four rows leave none of them over.
    count = 4 * max(1, _DRAWN // (4 * n))
    for first in range(0, m, count):
        some = min(count, m - first)
        bits = random.integers(0, 2, (some, n), dtype=np.int8)
        rows[first : first + some] = np.packbits(bits, axis=1)
    return rows


def rademacher_signs(m: int, n: int, seed: int) -> tuple[NDArray[np.float32], np.float32]:
    """Return signs [m,n], +-1 with probability 1/2 each, and their scale 1/sqrt(m)."""
    bits = np.unpackbits(rademacher_bits(m, n, seed), axis=1, count=n)
    signs: NDArray[np.float32] = bits * np.float32(2) - np.float32(1)
    return signs, np.float32(1 / math.sqrt(m))


def gaussian_from_text(options: Options, frame: Shape | None) -> Patterns:
    """Make :func:`gaussian_matrix` of a frame; the same as export's ``--sensing gaussian``.

    Raises:
        UsageError: A key or value that does not fit, no frame, or a matrix above 256 MiB.
    """
    shape, m, seed = _whole_frame(options, frame, 4)
    return Patterns(gaussian_matrix(m, shape[0] * shape[1], seed), shape)


def rademacher_from_text(options: Options, frame: Shape | None) -> Weighted:
    """Make :func:`rademacher_signs` of a frame, a bit an entry; the same as export's.

    Raises:
        UsageError: A key or value that does not fit, no frame, or a matrix above 256 MiB.
    """
    shape, m, seed = _whole_frame(options, frame, 1 / 8)
    patterns = Patterns(rademacher_bits(m, shape[0] * shape[1], seed), shape, "pm")
    return Weighted(patterns, np.full(m, 1 / math.sqrt(m), np.float32))


def _whole_frame(options: Options, frame: Shape | None, entry: float) -> tuple[Shape, int, int]:
    shape, m, seed = options.frame(frame), options.needed("m"), options.whole("seed", 0, least=0)
    size = int(entry * m * shape[0] * shape[1])
    if size > _MOST_BYTES:
        found = f"{size} bytes for {m} rows of {named(shape)}"
        expected = f"a matrix of at most {_MOST_BYTES} bytes"
        raise UsageError(expected, found, "use blocks, or Hadamard")
    return shape, m, 0 if seed is None else seed


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
    if m * size * size > _MOST_ENTRIES:
        expected = f"a matrix of at most {_MOST_ENTRIES} entries"
        raise UsageError(expected, f"{m} x {size * size}", "use smaller blocks or fewer rows")
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
