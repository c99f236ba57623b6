"""What a prior must beat: linear decoding of the same measurements, and principal components."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.sensing.blocks import Rectangles
from bitprior_runtime.sensing.covariance import Covariance
from bitprior_runtime.sensing.linear_estimate import LinearEstimate, linear_gain
from bitprior_runtime.sensing.operator import FloatArray, Shape
from bitprior_train.photo_evaluation.measuring import Measured

# Blocks of the training photos are taken at every so many pixels.
_STRIDE = 11
LINEAR, INVERSE = "linear MMSE", "pseudo-inverse"


def decode_linearly(
    operator: Rectangles, covariance: Covariance, measured: Sequence[Measured]
) -> dict[str, list[FloatArray]]:
    """Return what two linear decoders make of measurements, images [1,1,H,W] not clipped.

    The linear estimate of least mean squared error knows the photos' mean and covariance and the
    noise; the pseudo-inverse knows neither, but that pixels beyond the photo do not exist (and,
    with noise, how large it is: it is damped by it).

    Args:
        operator: Of the frame of all photos here.
        covariance: Of photos.
        measured: The photos.
    """
    at = cache(lambda noise: LinearEstimate(operator, covariance, noise))
    mean = operator.forward(np.full((1, 1, *operator.frame), covariance.mean, np.float32))
    found: dict[str, list[FloatArray]] = {LINEAR: [], INVERSE: []}
    for each in measured:
        decoder = at(each.noise)
        found[LINEAR].append(decoder.estimate(each.y - mean) + np.float32(covariance.mean))
        found[INVERSE].append(decoder.inverse(each.y))
    return found


class BlockComponents:
    """Principal components of the blocks of photos, as an operator with its best decoder.

    Their second moments are averaged over flips and quarter turns. A photo is measured by the
    strongest k components of each block, as many numbers as another operator has rows, and
    decoded by the linear estimate with just that covariance: where a block lies inside the photo,
    this is its projection on the components.

    Args:
        photos: Photos to fit them on, uint8 [N,H,W].
        block: (height, width) of a block; square.
    """

    def __init__(self, photos: NDArray[np.uint8], block: Shape) -> None:
        size = block[0]
        self.block = block
        moments = np.zeros((size * size, size * size))
        total, count = 0.0, 0
        for photo in photos:
            view = np.lib.stride_tricks.sliding_window_view(photo, block)[::_STRIDE, ::_STRIDE]
            rows = view.reshape(-1, size * size).astype(np.float32) / np.float32(255)
            moments += rows.T @ rows
            total, count = total + float(rows.sum(dtype=np.float64)), count + len(rows)
        self.mean = total / (count * size * size)
        self.covariance = _symmetric(moments / count, size) - self.mean**2
        _, vectors = np.linalg.eigh(self.covariance)
        self._components = vectors[:, ::-1].T

    def rows(self, k: int) -> NDArray[np.float64]:
        """Return the strongest k components, orthonormal rows [k, n]."""
        return self._components[:k]

    def decode(self, frame: Shape, k: int, measured: Sequence[Measured], noise: float,
               seed: int) -> list[FloatArray]:  # fmt: skip
        """Measure photos of one frame by k components of each block, and decode them.

        Args:
            frame: (H, W).
            k: Components.
            measured: The photos; what was measured of them is not used.
            noise: Share of the root mean square of what the components measure.
            seed: Seed of the noise.
        """
        operator = Rectangles(self.rows(k), self.block, frame)
        mean = operator.forward(np.full((1, 1, *frame), self.mean, np.float32))
        random = np.random.default_rng((seed, k))
        found = []
        for each in measured:
            y = operator.forward(each.photo)
            deviation = noise * float(np.sqrt(np.square(y, dtype=np.float64).mean()))
            y = y + (deviation * random.standard_normal(y.shape)).astype(np.float32)
            found.append(self._decoded(operator, y - mean, deviation))
        return found

    def _decoded(self, operator: Rectangles, r: FloatArray, noise: float) -> FloatArray:
        columns, (tall, wide), (height, width) = operator.grid[1], self.block, operator.frame
        gains: dict[Shape, NDArray[np.float32]] = {}
        by_block = operator.by_block(r)
        blocks = np.empty((*by_block.shape[:3], tall * wide), np.float32)
        for index in range(operator.blocks):
            row, column = divmod(index, columns)
            seen = min(tall, height - row * tall), min(wide, width - column * wide)
            if seen not in gains:
                gains[seen] = self._gain(operator, seen, noise)
            blocks[:, :, index] = by_block[:, :, index] @ gains[seen].T
        return (operator.join(blocks) + np.float32(self.mean)).astype(np.float32)

    def _gain(self, operator: Rectangles, seen: Shape, noise: float) -> NDArray[np.float32]:
        inside = np.zeros(self.block, bool)
        inside[: seen[0], : seen[1]] = True
        return linear_gain(operator.matrix, self.covariance, noise, inside.ravel()).gain


def _symmetric(moments: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Average second moments over the eight flips and quarter turns of a square."""
    index = np.arange(size * size).reshape(size, size)
    turned = [np.rot90(index, turns) for turns in range(4)]
    orders = [order.ravel() for order in (*turned, *(order.T for order in turned))]
    found: NDArray[np.float64] = sum(
        (moments[np.ix_(order, order)] for order in orders), np.zeros_like(moments)
    ) / len(orders)
    return found
