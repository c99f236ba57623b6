"""Operators that measure a frame block by block, every block with the same matrix."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing.operator import (
    FloatArray,
    Shape,
    channels_of,
    check_frame,
    check_images,
    named,
)
from bitprior_runtime.sensing.rows import check_rows, digest


class Rectangles:
    """One matrix for all rectangles that a frame is cut into.

    The frame is padded with zeros on the right and below to whole rectangles; the pixels of the
    padding do not exist, :class:`~bitprior_runtime.sensing.linear_estimate.LinearEstimate` makes
    use of that. Rectangles follow row by row, the m values of each together; so do the pixels of
    a rectangle in the columns of the matrix. Memory: the matrix, 4 m n bytes.

    Args:
        matrix: A of a rectangle, [m, n], real; n = height * width of a rectangle.
        block: (height, width) of a rectangle, in pixels.
        frame: (H, W), each at least that of a rectangle.
        dependent: Take rows that depend on each other, or more rows than pixels.

    Attributes:
        matrix: A as float32.
        block: (height, width).
        frame: (H, W).
        grid: Rectangles below each other and beside each other.

    Raises:
        UsageError: The frame is smaller than a rectangle, or the matrix is none that measures:
            see :func:`~bitprior_runtime.sensing.rows.check_rows`.
    """

    def __init__(
        self, matrix: NDArray[Any], block: Shape, frame: Shape, dependent: bool = False
    ) -> None:
        self.frame = check_frame(frame)
        self.block = block
        if self.frame[0] < block[0] or self.frame[1] < block[1]:
            expected = f"a frame of at least one block, {named(block)}"
            raise UsageError(expected, f"frame {named(self.frame)}", "use smaller blocks")
        self.matrix = check_rows(matrix, block[0] * block[1], dependent)
        self.grid = -(-self.frame[0] // block[0]), -(-self.frame[1] // block[1])

    def __repr__(self) -> str:
        """Return what it is and its sizes."""
        name, m = type(self).__name__, len(self.matrix)
        return f"{name}({m} of {named(self.block)} pixels, frame {named(self.frame)})"

    @property
    def blocks(self) -> int:
        """How many rectangles there are."""
        return self.grid[0] * self.grid[1]

    @property
    def size(self) -> int:
        """Measurements of one channel: those of all rectangles."""
        return self.blocks * len(self.matrix)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the matrix."""
        return digest(self.matrix)

    def exact(self) -> "Rectangles":
        """Return its exact twin, whose results are the same bits on every machine.

        See :class:`bitprior_runtime.sensing.exact.ExactRectangles`.
        """
        from bitprior_runtime.sensing.exact import ExactRectangles

        return ExactRectangles(self)

    def forward(self, x: NDArray[Any]) -> FloatArray:
        """Return A x, float32 [B, C * m], of images x [B,C,H,W]."""
        images = check_images(x, self.frame)
        y: FloatArray = self.split(images) @ self.matrix.T
        return y.reshape(len(images), -1)

    def adjoint(self, r: NDArray[Any]) -> FloatArray:
        """Return A^T r, float32 [B,C,H,W], of measurements r [B, C * m]."""
        return self.join(self.by_block(r) @ self.matrix)

    def by_block(self, y: NDArray[Any]) -> FloatArray:
        """Return measurements [B, C * m] as float32 [B, C, blocks, measurements of a block]."""
        y = np.asarray(y)
        channels = channels_of(y, self.size)
        shape = (len(y), channels, self.blocks, len(self.matrix))
        return np.ascontiguousarray(y, dtype=np.float32).reshape(shape)

    def split(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return what images [B,C,H,W] show in each rectangle, [B, C, blocks, n]."""
        (rows, columns), (tall, wide) = self.grid, self.block
        below, right = rows * tall - self.frame[0], columns * wide - self.frame[1]
        whole = np.pad(x, ((0, 0), (0, 0), (0, below), (0, right))) if below or right else x
        cut = whole.reshape(*x.shape[:2], rows, tall, columns, wide)
        return cut.transpose(0, 1, 2, 4, 3, 5).reshape(*x.shape[:2], self.blocks, tall * wide)

    def join(self, blocks: NDArray[Any]) -> NDArray[Any]:
        """Return the images [B,C,H,W] that rectangles [B, C, blocks, n] make, without padding."""
        (rows, columns), (tall, wide) = self.grid, self.block
        cut = blocks.reshape(*blocks.shape[:2], rows, columns, tall, wide)
        whole = cut.transpose(0, 1, 2, 4, 3, 5)
        whole = whole.reshape(*blocks.shape[:2], rows * tall, columns * wide)
        return np.ascontiguousarray(whole[:, :, : self.frame[0], : self.frame[1]])


class Blocks(Rectangles):
    """Square blocks of a frame, all measured with the same matrix.

    y is [B, blocks * m] for images of one channel: the blocks row by row, the m values of each
    together. See :class:`Rectangles` for padding, memory and errors.

    Args:
        matrix: A of a block, [m, size * size], its pixels row by row.
        size: Side of a block, in pixels.
        frame: (H, W) of the images, each at least ``size``.
    """

    def __init__(self, matrix: NDArray[Any], size: int, frame: Shape) -> None:
        if not isinstance(size, int | np.integer) or size < 1:
            raise UsageError("a block's side of at least 1 pixel", f"{size!r}", "change size")
        super().__init__(matrix, (int(size), int(size)), frame)
