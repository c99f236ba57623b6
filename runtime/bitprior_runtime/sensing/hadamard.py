"""Hadamard patterns by the fast Walsh-Hadamard transform, in the orders that cameras use."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing.framewise import Framewise
from bitprior_runtime.sensing.indices import check_indices
from bitprior_runtime.sensing.operator import FloatArray, Shape, check_frame, named
from bitprior_runtime.sensing.options import Options

FORM = "hadamard:order=sequency,m=1024"
Index = NDArray[np.int64]

_LARGEST = 2**12  # pixels of a side
_STEP = 32  # side of the matrices that the transform is made of
_LAYOUTS = ("2d", "1d")
_VALUES = ("pm", "01")


class Hadamard(Framewise):
    """The first m of a frame's Hadamard patterns in some order, by the fast transform.

    Pattern k is the product of a row i of H(H) down and a row j of H(W) across, H(n) being the
    Hadamard matrix of Sylvester with entries +-1: in the natural order k = i W + j, which is row k
    of H(H W) laid out row by row as well. Other orders are permutations of the natural one, see
    :func:`order_of`. No matrix is kept: 8 bytes for each pattern taken. A transform is
    O(n log n): a product with H(32) for each five bits of the pixels' number.

    Args:
        frame: (H, W), powers of 2.
        order: Name of an order, or natural numbers of patterns in the order of the measurements.
        m: How many are taken, the first ones; None: all.
        layout: ``2d``: sequencies are counted down and across; ``1d``: along the flattened frame.
        values: ``pm``: +1 and -1; ``01``: 1 and 0 in their places, (1 + h) / 2.

    Attributes:
        index: Natural numbers of the patterns, [m].

    Raises:
        UsageError: A side that is no power of 2, an unknown order, or m out of range.
    """

    def __init__(
        self,
        frame: Shape,
        order: str | NDArray[np.integer] = "sequency",
        m: int | None = None,
        layout: str = "2d",
        values: str = "pm",
    ) -> None:
        frame = _check_sides(frame)
        pixels = frame[0] * frame[1]
        self._order = order if isinstance(order, str) else "given"
        if isinstance(order, str):
            index = order_of(order, frame, layout)
        else:
            index = check_indices(order, pixels, "Hadamard patterns", once=True)
        m = len(index) if m is None else m
        if not 1 <= m <= len(index):
            raise UsageError(f"m from 1 to {len(index)} patterns", f"m={m}", "change m")
        if values not in _VALUES:
            raise UsageError("values pm or 01", repr(values), "use one of them")
        super().__init__(frame, m)
        self.index: Index = np.ascontiguousarray(index[:m])
        self._binary = values == "01"

    def taken(self, indices: NDArray[np.int64]) -> "Hadamard":
        """Return the operator of some of its measurements, none of them twice."""
        values = "01" if self._binary else "pm"
        return Hadamard(self.frame, self.index[indices], values=values)

    def _measured(self, images: FloatArray) -> FloatArray:
        spectrum = transform(images.reshape(len(images), -1))
        y: FloatArray = spectrum[:, self.index]
        return np.float32(0.5) * (y + spectrum[:, :1]) if self._binary else y

    def _back(self, rows: FloatArray) -> FloatArray:
        pixels = self.frame[0] * self.frame[1]
        spectrum = np.zeros((len(rows), pixels), np.float32)
        spectrum[:, self.index] = rows
        if self._binary:
            spectrum *= np.float32(0.5)
            spectrum[:, 0] += np.float32(0.5) * rows.sum(axis=1)
        return transform(spectrum)

    def _words(self) -> Iterable[str]:
        return (f"order {self._order}", *(("values 01",) if self._binary else ()))

    def _parts(self) -> Iterable[NDArray[np.int64]]:
        return (self.index,)


def transform(x: FloatArray) -> FloatArray:
    """Return H(n) x of rows x [N, n], float32, n a power of 2; not normalised: twice is n x."""
    count, n = x.shape
    found = np.ascontiguousarray(x, np.float32)
    after = 1
    while after < n:
        step = min(_STEP, n // after)
        if after == 1:
            found = found.reshape(-1, step) @ _sylvester(step)
        else:
            found = np.matmul(_sylvester(step), found.reshape(-1, step, after))
        after *= step
    return found.reshape(count, n)


def order_of(order: str, frame: Shape, layout: str = "2d") -> Index:
    """Return the natural numbers of all patterns of a frame in an order, [H * W].

    With s(i) the sequency (sign changes) and p(i) the dyadic (Paley) number of row i of H(n):

    - ``natural``: as the rows of H(H W).
    - ``sequency``: low ones first, by s down + s across; of equal sums the smaller s down first.
    - ``sequency-rows``: s down, then s across; ``sequency-columns``: s across, then s down.
    - ``dyadic``: p down, then p across.
    - ``cake-cutting``: by the number of connected regions of equal sign (neighbours up, down,
      left, right), which is (s down + 1)(s across + 1); of equal numbers in natural order
      (W.-K. Yu, Sensors 19, 4122, 2019).

    Along the flattened frame (layout ``1d``), ``sequency`` and ``dyadic`` are those of H(H W).

    Raises:
        UsageError: An unknown order, or one that the layout does not have.
    """
    height, width = frame
    if layout not in _LAYOUTS:
        raise UsageError("layout 2d or 1d", repr(layout), "use one of them")
    if layout == "1d":
        orders: Mapping[str, Callable[[], Index]] = {
            "natural": lambda: np.arange(height * width),
            "sequency": lambda: np.argsort(_sequencies(height * width)),
            "dyadic": lambda: _reversed_bits(height * width),
        }
    else:
        orders = {
            "natural": lambda: np.arange(height * width),
            "sequency": lambda: _by_sum(height, width),
            "sequency-rows": lambda: _grid(*map(_walsh, frame)).ravel(),
            "sequency-columns": lambda: _grid(*map(_walsh, frame)).T.ravel(),
            "dyadic": lambda: _grid(_reversed_bits(height), _reversed_bits(width)).ravel(),
            "cake-cutting": lambda: _by_regions(height, width),
        }
    if order not in orders:
        expected = f"an order of layout {layout}: {', '.join(orders)}"
        raise UsageError(expected, repr(order), "use one of them, or a file of numbers")
    return np.ascontiguousarray(orders[order](), np.int64)


def from_text(options: Options, frame: Shape | None) -> Hadamard:
    """Make the operator of a text such as :data:`FORM`; ``order`` may be a file .npy or .npz#KEY.

    Raises:
        MissingFileError: The file of the order cannot be read.
        UsageError: A key or value that does not fit, or no frame.
    """
    shape = options.frame(frame)
    order: str | NDArray[np.integer] = options.word("order", "sequency")
    if isinstance(order, str) and (".npy" in order or ".npz" in order):
        from bitprior_runtime.sensing.files import read_matrix

        order = read_matrix(order)
    layout, values = options.word("layout", "2d", _LAYOUTS), options.word("values", "pm", _VALUES)
    return Hadamard(shape, order, options.whole("m"), layout, values)


def _check_sides(frame: Shape) -> Shape:
    frame = check_frame(frame)
    if any(side & (side - 1) or side > _LARGEST for side in frame):
        expected = f"a frame whose sides are powers of 2, at most {_LARGEST}"
        raise UsageError(expected, named(frame), "use such a frame, or patterns from a file")
    return frame


@cache
def _sylvester(n: int) -> FloatArray:
    rows = np.ones((1, 1), np.float32)
    while len(rows) < n:
        rows = np.block([[rows, rows], [rows, -rows]])
    return rows


def _reversed_bits(n: int) -> Index:
    """Return numbers 0 to n - 1 with their bits in reverse: natural to dyadic and back."""
    found = np.zeros(1, np.int64)
    while len(found) < n:
        found = np.concatenate([2 * found, 2 * found + 1])
    return found


def _walsh(n: int) -> Index:
    """Return the natural number of the row of each sequency: its Gray code with bits reversed."""
    sequency = np.arange(n)
    found: Index = _reversed_bits(n)[sequency ^ (sequency >> 1)]
    return found


def _sequencies(n: int) -> Index:
    """Return the sequency of each row of H(n)."""
    found = np.empty(n, np.int64)
    found[_walsh(n)] = np.arange(n)
    return found


def _grid(down: Index, across: Index) -> Index:
    """Return the natural numbers of the products of rows, [H, W]."""
    return down[:, np.newaxis] * len(across) + across


def _by_sum(height: int, width: int) -> Index:
    sums = (np.arange(height)[:, np.newaxis] + np.arange(width)).ravel()
    found: Index = _grid(_walsh(height), _walsh(width)).ravel()[np.argsort(sums, kind="stable")]
    return found


def _by_regions(height: int, width: int) -> Index:
    regions = (_sequencies(height)[:, np.newaxis] + 1) * (_sequencies(width) + 1)
    return np.argsort(regions.ravel(), kind="stable")
