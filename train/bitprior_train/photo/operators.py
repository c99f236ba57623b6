"""Random sensing operators to train over: block matrices of many kinds, ratios and noise levels."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from bitprior_runtime.sensing.covariance import Covariance
from bitprior_runtime.sensing.linear_estimate import linear_gain
from bitprior_train.photo.networks import STRIDE

Floats = NDArray[np.float64]
Shape = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Problem:
    """A block operator on a frame, with what the search needs of it.

    Attributes:
        frame: (H, W).
        size: Side of a block.
        matrix: A, [m, n].
        inverse: Damped pseudo-inverse of each kind of block, [kinds, n, m].
        gain: K of each kind of block, [kinds, n, m].
        kinds: Which kind each block is, row by row, [blocks].
        deviation: Standard deviation that K leaves, [1, 1, H', W'] on the canvas.
        features: Of the problem, [FEATURES].
        noise: Standard deviation of the noise of a measurement.
    """

    frame: Shape
    size: int
    matrix: Tensor
    inverse: Tensor
    gain: Tensor
    kinds: Tensor
    deviation: Tensor
    features: Tensor
    noise: float

    def measure(self, image: Tensor) -> Tensor:
        """Return A x of what the canvas [B,1,H',W'] shows inside the frame, [B, blocks, m]."""
        return self._blocks(image) @ self.matrix.T

    def back(self, by_kind: Tensor, y: Tensor) -> Tensor:
        """Return the image that [kinds, n, m] makes of measurements, on the canvas."""
        if len(by_kind) == 1:
            found = y @ by_kind[0].T
        else:
            found = torch.einsum("bqm,qnm->bqn", y, by_kind[self.kinds])
        return self._image(found)

    def _grid(self) -> Shape:
        return -(-self.frame[0] // self.size), -(-self.frame[1] // self.size)

    def _blocks(self, image: Tensor) -> Tensor:
        (height, width), (rows, columns), size = self.frame, self._grid(), self.size
        inside = image[:, :, :height, :width]
        pad = (0, columns * size - width, 0, rows * size - height)
        whole = functional.pad(inside, pad) if any(pad) else inside
        split = whole.reshape(len(image), rows, size, columns, size)
        return split.permute(0, 1, 3, 2, 4).reshape(len(image), rows * columns, size * size)

    def _image(self, blocks: Tensor) -> Tensor:
        (height, width), (rows, columns), size = self.frame, self._grid(), self.size
        split = blocks.reshape(-1, rows, columns, size, size).permute(0, 1, 3, 2, 4)
        whole = split.reshape(-1, 1, rows * size, columns * size)[:, :, :height, :width]
        return functional.pad(whole, (0, width % STRIDE, 0, height % STRIDE))


def make_problem(
    matrix: Floats, size: int, frame: Shape, noise: float, covariance: Covariance
) -> Problem:
    """Work out a problem; ``noise`` is in the units of y."""
    rows, columns = -(-frame[0] // size), -(-frame[1] // size)
    c = covariance.between(size, size)
    white = np.eye(size * size) * covariance.deviation**2
    tall, wide = frame[0] - (rows - 1) * size, frame[1] - (columns - 1) * size
    kinds: dict[Shape, int] = {}
    order = []
    for row in range(rows):
        for column in range(columns):
            seen = (tall if row == rows - 1 else size, wide if column == columns - 1 else size)
            order.append(kinds.setdefault(seen, len(kinds)))
    gains, inverses, deviations = [], [], []
    share = 0.0
    for height, width in kinds:
        seen = np.zeros((size, size), bool)
        seen[:height, :width] = True
        gain = linear_gain(matrix, c, noise, seen.ravel())
        gains.append(gain.gain)
        deviations.append(gain.deviation)
        inverses.append(linear_gain(matrix, white, noise, seen.ravel()).gain)
        share = max(share, gain.noise_share)
    found = Problem(
        frame,
        size,
        torch.from_numpy(matrix.astype(np.float32)),
        torch.from_numpy(np.stack(inverses)),
        torch.from_numpy(np.stack(gains)),
        torch.tensor(order),
        torch.zeros(1),
        torch.zeros(1),
        noise,
    )
    spread = found._image(torch.from_numpy(np.stack([deviations[k] for k in order]))[None])
    level = float((spread[:, :, : frame[0], : frame[1]] ** 2).mean().sqrt())
    open_share = float(np.log2(max(level / covariance.deviation, 2.0**-8)))
    object.__setattr__(found, "deviation", spread)
    object.__setattr__(found, "features", torch.tensor([1.0, open_share, share]))
    return found


def gaussian(random: np.random.Generator, size: int, m: int) -> Floats:
    """Orthonormal rows of a Gaussian matrix."""
    return np.linalg.qr(random.standard_normal((size * size, m)))[0].T


def raw_gaussian(random: np.random.Generator, size: int, m: int) -> Floats:
    """A Gaussian matrix as it is drawn."""
    return random.standard_normal((m, size * size)) / size


def rademacher(random: np.random.Generator, size: int, m: int) -> Floats:
    """Rows of random signs."""
    return random.choice([-1.0, 1.0], (m, size * size)) / size


def binary(random: np.random.Generator, size: int, m: int) -> Floats:
    """Rows of random zeros and ones."""
    return random.choice([0.0, 1.0], (m, size * size)) / size


def _two_dimensional(rows: Floats, order: NDArray[np.intp], m: int) -> Floats:
    """Products of one-dimensional rows, in an order of their pairs."""
    size = len(rows)
    i, j = np.unravel_index(order[:m], (size, size))
    return np.einsum("ma,mb->mab", rows[i], rows[j]).reshape(-1, size * size)


def _low_first(size: int) -> NDArray[np.intp]:
    index = np.arange(size)
    return np.argsort((index[:, None] + index).ravel(), kind="stable")


def walsh_rows(size: int) -> Floats:
    """Walsh functions of a power of two by rising sequency, orthonormal rows."""
    rows = np.ones((1, 1))
    while len(rows) < size:
        rows = np.block([[rows, rows], [rows, -rows]])
    sequency = np.count_nonzero(np.diff(rows, axis=1), axis=1)
    return rows[np.argsort(sequency)] / np.sqrt(size)


def cosine_rows(size: int) -> Floats:
    """The orthonormal cosine transform of type II."""
    k, x = np.indices((size, size))
    rows = np.cos(np.pi * k * (2 * x + 1) / (2 * size)) * np.sqrt(2 / size)
    rows[0] /= np.sqrt(2)
    return rows


def low_walsh(random: np.random.Generator, size: int, m: int) -> Floats:
    """Walsh patterns of lowest sequency."""
    return _two_dimensional(walsh_rows(size), _low_first(size), m)


def random_walsh(random: np.random.Generator, size: int, m: int) -> Floats:
    """The constant Walsh pattern and random others, each low one likelier."""
    low = _low_first(size)
    weight = 1 / (1.0 + np.arange(len(low))) ** random.uniform(0, 0.8)
    weight[0] = 1e9
    keys = random.exponential(size=len(low)) / weight
    return _two_dimensional(walsh_rows(size), low[np.argsort(keys)], m)


def low_cosine(random: np.random.Generator, size: int, m: int) -> Floats:
    """Cosine patterns of lowest frequency."""
    return _two_dimensional(cosine_rows(size), _low_first(size), m)


def mask(random: np.random.Generator, size: int, m: int) -> Floats:
    """Random single pixels."""
    return np.eye(size * size)[random.permutation(size * size)[:m]]


def average(random: np.random.Generator, size: int, m: int) -> Floats:
    """Means of small squares, about m of them."""
    side = min(max(int(round(size / np.sqrt(m))), 2), size // 2)
    count = size // side
    cells = np.minimum(np.arange(size) // side, count - 1)
    one = (cells == np.arange(count)[:, None]).astype(float)
    one /= np.sqrt(one.sum(axis=1, keepdims=True))
    rows = np.einsum("ia,jb->ijab", one, one).reshape(count * count, -1)
    return rows[random.permutation(len(rows))[: max(m, 1)]]


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
_LARGEST = {64: 0.2, 48: 0.3}  # share of measurements of large blocks, whose matrices cost most


def draw_problem(random: np.random.Generator, covariance: Covariance) -> Problem:
    """Draw an operator with its frame and noise; a third are noisy, half of the frames padded."""
    makers = list(KINDS)
    make = makers[random.choice(len(makers), p=[KINDS[kind][0] for kind in makers])]
    sides = KINDS[make][1]
    size = int(sides[random.integers(len(sides))])
    ratio = float(np.exp(random.uniform(np.log(0.008), np.log(_LARGEST.get(size, 0.45)))))
    if make is gaussian and size == 33 and random.random() < 0.6:
        ratio = float(random.choice([10, 43, 109, 272], p=[0.15, 0.25, 0.25, 0.35])) / 1089
    m = max(1, int(round(ratio * size * size)))
    matrix = make(random, size, m)
    noise = 0.0
    if random.random() < 0.33:
        # In units of a pixel: a row's noise grows with the row.
        pixel = float(np.exp(random.uniform(np.log(0.003), np.log(0.12))))
        noise = pixel * float(np.sqrt((matrix**2).sum(axis=1).mean()))
    side = 99 // size * size if size != 64 else 64
    frame = (side, side)
    if random.random() < 0.4 and size in (33, 32, 48, 40):
        frame = (int(side - random.integers(1, 24)), int(side - random.integers(1, 24)))
    return make_problem(matrix, size, frame, noise, covariance)
