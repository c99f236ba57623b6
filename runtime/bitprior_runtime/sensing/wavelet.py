"""Wavelet coefficients of a frame: Haar and the CDF 5/3 wavelet, level by level."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing.framewise import Framewise
from bitprior_runtime.sensing.indices import check_indices
from bitprior_runtime.sensing.operator import FloatArray, Shape, check_frame, named
from bitprior_runtime.sensing.options import Options

FORM = "wavelet:kind=haar,levels=4,finest=2"
KINDS = ("haar", "cdf53")

_LARGEST = 2**10  # pixels of a side: its filters are written out
# Taps of the approximation and the detail, and the sample of the first tap relative to 2 k.
# Haar: orthonormal, detail = second less first. CDF 5/3 (LeGall): analysis by
# (-1, 2, 6, 2, -1) / 8 around even samples and (-1, 2, -1) / 2 around odd ones, times root 2 and
# 1 / root 2, so that constants have the same scale as with Haar.
_ROOT = float(np.sqrt(0.5))
_TAPS = {
    "haar": (((_ROOT, _ROOT), 0), ((-_ROOT, _ROOT), 0)),
    "cdf53": (
        (tuple(value / 4 * _ROOT for value in (-1, 2, 6, 2, -1)), -2),
        (tuple(value / 2 * _ROOT for value in (-1, 2, -1)), 0),
    ),
}


class Wavelet(Framewise):
    """Coefficients of a two-dimensional wavelet transform, the coarse ones first.

    With phi_j and psi_j the approximation and detail of level j along one axis, [side / 2^j, side],
    and X the frame: first phi_J X phi_J^T, J = levels; then for j = J, J - 1, ... finest:
    psi_j X phi_j^T (detail down), phi_j X psi_j^T (across), psi_j X psi_j^T (both), each row by
    row. Frames are continued periodically. Memory: 8 H^2 + 8 W^2 bytes at most.

    Args:
        frame: (H, W), both divisible by 2^levels.
        kind: ``haar``: orthonormal, detail = (second - first) / root 2; ``cdf53``: the
            biorthogonal 5/3 wavelet of Cohen, Daubechies and Feauveau (1992).
        levels: J.
        finest: Finest level of detail that is measured; above 1 a part of the frame's
            information is not.
        sign: 1: as above; -1: psi has the other sign, as in software whose Haar detail is first
            less second.

    Attributes:
        shapes: Shapes of the parts, in their order: (rows, columns) each.

    Raises:
        UsageError: An unknown kind, levels that do not divide the frame, or finest out of range.
    """

    def __init__(
        self,
        frame: Shape,
        kind: str = "haar",
        levels: int = 1,
        finest: int = 1,
        sign: int = 1,
    ) -> None:
        frame = check_frame(frame)
        if kind not in _TAPS:
            raise UsageError(f"a wavelet: {', '.join(KINDS)}", repr(kind), "use one of them")
        divides = 1 <= levels <= 12 and not any(side % 2**levels for side in frame)
        if not divides or max(frame) > _LARGEST:
            expected = f"a frame of at most {_LARGEST} whose sides 2^levels divides"
            raise UsageError(expected, f"{named(frame)}, levels={levels}", "change them")
        if not 1 <= finest <= levels:
            raise UsageError(f"finest from 1 to {levels}", f"{finest}", "change it")
        if sign not in (1, -1):
            raise UsageError("the sign of psi, 1 or -1", f"{sign}", "change it")
        self._name = f"{kind}, levels {finest} to {levels}" + (", sign -1" if sign < 0 else "")
        down, across = (_filters(kind, side, levels) for side in frame)
        pairs = [(down[levels - 1][0], across[levels - 1][0])]
        for j in range(levels - 1, finest - 2, -1):
            (phi_d, psi_d), (phi_a, psi_a) = down[j], across[j]
            psi_d, psi_a = np.float32(sign) * psi_d, np.float32(sign) * psi_a
            pairs += [(psi_d, phi_a), (phi_d, psi_a), (psi_d, psi_a)]
        self._pairs = pairs
        self.shapes = [(len(d), len(a)) for d, a in pairs]
        super().__init__(frame, sum(rows * columns for rows, columns in self.shapes))

    def _measured(self, images: FloatArray) -> FloatArray:
        parts = [(d @ images @ a.T).reshape(len(images), -1) for d, a in self._pairs]
        return np.concatenate(parts, axis=1)

    def _back(self, rows: FloatArray) -> FloatArray:
        found, first = np.zeros((len(rows), *self.frame), np.float32), 0
        for (d, a), (height, width) in zip(self._pairs, self.shapes, strict=True):
            part = rows[:, first : first + height * width].reshape(-1, height, width)
            found += d.T @ part @ a
            first += height * width
        return found

    def _words(self) -> Iterable[str]:
        return (self._name,)


def nested(shapes: list[Shape]) -> NDArray[np.int64]:
    """Return where each coefficient stands in the square picture of all levels, flattened.

    Approximation in the upper left corner, detail down below it, across beside it, level by level:
    ``picture.reshape(-1)[nested(operator.shapes)]`` is y of a picture of coefficients.
    """
    height = sum(rows for rows, _ in shapes[:1]) + sum(rows for rows, _ in shapes[1::3])
    width = sum(columns for _, columns in shapes[:1]) + sum(columns for _, columns in shapes[1::3])
    number = np.arange(height * width).reshape(height, width)
    rows, columns = shapes[0]
    parts = [number[:rows, :columns].ravel()]
    for _ in shapes[1::3]:
        tall, wide = slice(rows, 2 * rows), slice(columns, 2 * columns)
        three = number[tall, :columns], number[:rows, wide], number[tall, wide]
        parts += [part.ravel() for part in three]
        rows, columns = 2 * rows, 2 * columns
    return np.concatenate(parts)


def from_text(options: Options, frame: Shape | None) -> Framewise:
    """Make the operator of a text such as :data:`FORM`; ``layout=nested`` orders by the picture.

    Raises:
        UsageError: A key or value that does not fit, or no frame.
    """
    kind = options.word("kind", "haar", KINDS)
    levels, finest = options.needed("levels"), options.whole("finest", 1)
    layout = options.word("layout", "levels", ("levels", "nested"))
    sign = int(options.word("sign", "1", ("1", "-1")))
    operator = Wavelet(options.frame(frame), kind, levels, 1 if finest is None else finest, sign)
    if layout == "levels":
        return operator
    from bitprior_runtime.sensing.composed import Rows

    return Rows(
        operator, np.argsort(check_indices(nested(operator.shapes), operator.size, "parts"))
    )


def _filters(kind: str, side: int, levels: int) -> list[tuple[FloatArray, FloatArray]]:
    """Return phi_j and psi_j of each level, [side / 2^j, side]."""
    found, phi = [], np.eye(side)
    low, high = _TAPS[kind]
    for _ in range(levels):
        psi, phi = _halved(high, len(phi)) @ phi, _halved(low, len(phi)) @ phi
        found.append((phi.astype(np.float32), psi.astype(np.float32)))
    return found


def _halved(taps: tuple[tuple[float, ...], int], side: int) -> NDArray[np.float64]:
    """Return a filter at every second sample of a periodic line, [side / 2, side]."""
    values, first = taps
    found = np.zeros((side // 2, side))
    for row in range(side // 2):
        for number, value in enumerate(values):
            found[row, (2 * row + first + number) % side] += value
    return found
