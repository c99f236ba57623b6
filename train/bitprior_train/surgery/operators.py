"""What measures images in Generator Surgery: linear operators A, differentiable in torch."""

from abc import ABC, abstractmethod
from math import prod

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from bitprior_export.matrices import gaussian_matrix
from bitprior_runtime.errors import UsageError

Geometry = tuple[int, int, int]


class Operator(ABC):
    """y = A x of images x [B, C, H, W] in [0, 1].

    Attributes:
        name: As ``bitprior export --sensing`` writes it, e.g. ``"gaussian:m=600,seed=0"``.
        geometry: (C, H, W) of the images.
        measurements: m, length of y.
    """

    def __init__(self, name: str, geometry: Geometry, measurements: int) -> None:
        self.name, self.geometry, self.measurements = name, geometry, measurements

    @property
    def pixels(self) -> int:
        """Numbers in an image, n = C H W."""
        return prod(self.geometry)

    @abstractmethod
    def __call__(self, x: Tensor) -> Tensor:
        """Return measurements [B, m]."""

    def adjoint(self, y: Tensor) -> Tensor:
        """Return A^T y, [B, C, H, W], of y [B, m]."""
        x = torch.zeros(len(y), *self.geometry, dtype=y.dtype, requires_grad=True)
        (back,) = torch.autograd.grad(self(x), x, y)
        return back


class Gaussian(Operator):
    """A ~ N(0, 1/m), one matrix for all images: a camera has one.

    Args:
        geometry: (C, H, W).
        measurements: m.
        seed: Seed of A; the same matrix as ``bitprior export --sensing gaussian:m=M,seed=SEED``.

    Attributes:
        matrix: A, [m, n].
    """

    def __init__(self, geometry: Geometry, measurements: int, seed: int = 0) -> None:
        super().__init__(f"gaussian:m={measurements},seed={seed}", geometry, measurements)
        self.matrix = torch.from_numpy(gaussian_matrix(measurements, self.pixels, seed))

    def __call__(self, x: Tensor) -> Tensor:
        """See :meth:`Operator.__call__`."""
        return x.flatten(1) @ self.matrix.T


class Identity(Operator):
    """A = I: how well a prior can show an image at all (raw reconstruction)."""

    def __init__(self, geometry: Geometry) -> None:
        super().__init__("identity", geometry, prod(geometry))

    def __call__(self, x: Tensor) -> Tensor:
        """See :meth:`Operator.__call__`."""
        return x.flatten(1)


class Inpainting(Operator):
    """A keeps a share of the values (not pixels), chosen at random.

    Args:
        geometry: (C, H, W).
        keep: Share of the values, in (0, 1].
        seed: Of the choice.
    """

    def __init__(self, geometry: Geometry, keep: float = 0.1, seed: int = 0) -> None:
        kept = round(keep * prod(geometry))
        if not 0 < kept <= prod(geometry):
            raise UsageError("a share of values to keep in (0, 1]", f"{keep}", "change keep")
        super().__init__(f"mask:keep={keep:g},seed={seed}", geometry, kept)
        order = np.random.default_rng(seed).permutation(self.pixels)
        self.kept = torch.from_numpy(np.sort(order[:kept]))

    def __call__(self, x: Tensor) -> Tensor:
        """See :meth:`Operator.__call__`."""
        return x.flatten(1)[:, self.kept]


class SuperResolution(Operator):
    """A shrinks images by a factor, bilinear with aligned corners.

    Args:
        geometry: (C, H, W).
        factor: Divides H and W.
    """

    def __init__(self, geometry: Geometry, factor: int = 4) -> None:
        channels, height, width = geometry
        if factor < 1 or height % factor or width % factor:
            raise UsageError(f"a divisor of {height} and {width}", f"{factor}", "change factor")
        self._size = (height // factor, width // factor)
        super().__init__(f"superres:factor={factor}", geometry, channels * prod(self._size))

    def __call__(self, x: Tensor) -> Tensor:
        """See :meth:`Operator.__call__`."""
        return interpolate(x, size=self._size, mode="bilinear", align_corners=True).flatten(1)
