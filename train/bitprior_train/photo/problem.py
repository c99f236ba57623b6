"""A block operator on a frame, with all that the search needs of it, in torch."""

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
        return _image(found, self.frame, self.size)

    def _blocks(self, image: Tensor) -> Tensor:
        (height, width), size = self.frame, self.size
        rows, columns = _grid(self.frame, size)
        inside = image[:, :, :height, :width]
        pad = (0, columns * size - width, 0, rows * size - height)
        whole = functional.pad(inside, pad) if any(pad) else inside
        split = whole.reshape(len(image), rows, size, columns, size)
        return split.permute(0, 1, 3, 2, 4).reshape(len(image), rows * columns, size * size)


def make_problem(
    matrix: Floats, size: int, frame: Shape, noise: float, covariance: Covariance
) -> Problem:
    """Work out a problem; ``noise`` is in the units of y."""
    rows, columns = _grid(frame, size)
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
        exists = np.zeros((size, size), bool)
        exists[:height, :width] = True
        gain = linear_gain(matrix, c, noise, exists.ravel())
        gains.append(gain.gain)
        deviations.append(gain.deviation)
        inverses.append(linear_gain(matrix, white, noise, exists.ravel()).gain)
        share = max(share, gain.noise_share)
    spread = _image(torch.from_numpy(np.stack([deviations[k] for k in order]))[None], frame, size)
    level = float((spread[:, :, : frame[0], : frame[1]] ** 2).mean().sqrt())
    open_share = float(np.log2(max(level / covariance.deviation, 2.0**-8)))
    return Problem(
        frame=frame,
        size=size,
        matrix=torch.from_numpy(matrix.astype(np.float32)),
        inverse=torch.from_numpy(np.stack(inverses)),
        gain=torch.from_numpy(np.stack(gains)),
        kinds=torch.tensor(order),
        deviation=spread,
        features=torch.tensor([1.0, open_share, share]),
        noise=noise,
    )


def _grid(frame: Shape, size: int) -> Shape:
    return -(-frame[0] // size), -(-frame[1] // size)


def _image(blocks: Tensor, frame: Shape, size: int) -> Tensor:
    """Return the image of blocks [B, blocks, n] on the canvas, 0 beyond the frame."""
    (height, width), (rows, columns) = frame, _grid(frame, size)
    split = blocks.reshape(-1, rows, columns, size, size).permute(0, 1, 3, 2, 4)
    whole = split.reshape(-1, 1, rows * size, columns * size)[:, :, :height, :width]
    return functional.pad(whole, (0, width % STRIDE, 0, height % STRIDE))
