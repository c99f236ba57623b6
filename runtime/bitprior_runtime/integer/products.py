"""The integer products of linear nodes, and how large they can become.

The products run in float64, where BLAS is fast and every sum below 2^53 is exact in any order;
range analysis keeps them below 2^31.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.integer.plan import Kind
from bitprior_runtime.ops.convolution import Geometry, correlate, scatter
from bitprior_runtime.program import Shape

Int64s = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Product:
    """A linear map of integers between flat rows.

    Attributes:
        kind: DENSE, CONV or CONV_TRANSPOSE.
        weight: float64 of whole numbers, laid out as in ``LinearNode``.
        geometry: Of the convolution; None for DENSE.
        source: Shape of the input of the map.
        target: Shape of its output.
    """

    kind: Kind
    weight: NDArray[np.float64]
    geometry: Geometry | None
    source: Shape
    target: Shape

    def forward(self, q: NDArray[Any]) -> Int64s:
        """Return the sums at q [B, elements of the source]."""
        x = q.astype(np.float64)
        rows = len(x)
        if self.geometry is None:
            return _whole(x.reshape(-1, self.weight.shape[1]) @ self.weight.T, rows)
        images = x.reshape(rows, *self.source)
        if self.kind is Kind.CONV:
            return _whole(correlate(images, self.weight, self.geometry), rows)
        return _whole(scatter(images, self.weight, self.geometry, _side(self.target)), rows)

    def adjoint(self, c: NDArray[Any]) -> Int64s:
        """Return the sums of the transposed map at c [B, elements of the target]."""
        g = c.astype(np.float64)
        rows = len(g)
        if self.geometry is None:
            return _whole(g.reshape(-1, self.weight.shape[0]) @ self.weight, rows)
        images = g.reshape(rows, *self.target)
        if self.kind is Kind.CONV:
            return _whole(scatter(images, self.weight, self.geometry, _side(self.source)), rows)
        found = correlate(images, self.weight, self.geometry)
        height, width = _side(self.source)
        # With output_padding the dense side may have room for one patch more than there were.
        return _whole(found[:, :, :height, :width], rows)

    def cropped(self) -> "Product":
        """Return the same map between smaller sides, whose sums reach as far.

        A convolution does the same at every place: beyond a few steps of its kernel, more places
        give no other sums.
        """
        g = self.geometry
        if g is None:
            return self
        dense, patches = self.source, self.target
        if self.kind is not Kind.CONV:
            dense, patches = patches, dense
        sides, counts = [], []
        for axis in (0, 1):
            span = (g.kernel[axis] - 1) * g.dilations[axis] + 1
            enough = 2 * span + 4 * g.strides[axis] + g.pads[axis] + g.pads[axis + 2]
            side, count = dense[axis + 1], patches[axis + 1]
            # Whole steps are left out: what the last patch leaves over stays the same.
            steps = max(0, (side - enough) // g.strides[axis])
            steps = min(steps, count - 1)
            sides.append(side - steps * g.strides[axis])
            counts.append(count - steps)
        small = (dense[0], *sides), (patches[0], *counts)
        source, target = small if self.kind is Kind.CONV else small[::-1]
        return Product(self.kind, self.weight, g, source, target)

    def reach(self) -> Int64s:
        """Return the largest sum of each element of the target over inputs of magnitude 1."""
        ones = np.ones((1, math.prod(self.source)))
        sums: Int64s = self._magnitudes().forward(ones)[0]
        return sums

    def adjoint_reach(self) -> Int64s:
        """Return the same for the transposed map."""
        ones = np.ones((1, math.prod(self.target)))
        sums: Int64s = self._magnitudes().adjoint(ones)[0]
        return sums

    def _magnitudes(self) -> "Product":
        weight = np.abs(self.weight)
        return Product(self.kind, weight, self.geometry, self.source, self.target)


def _whole(sums: NDArray[np.float64], rows: int) -> Int64s:
    return sums.reshape(rows, -1).astype(np.int64)


def _side(shape: Shape) -> tuple[int, int]:
    return shape[1], shape[2]
