"""The integer engine on native kernels: the same bits as on numpy's."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.bundle.manifest import Calibration
from bitprior_runtime.engines.integer_engine import IntegerEngine
from bitprior_runtime.errors import UsageError
from bitprior_runtime.integer.plan import IntegerTensor
from bitprior_runtime.kernels.integer import IntegerKernels
from bitprior_runtime.program import Program

Array = NDArray[Any]


class NativeIntegerEngine:
    """Integer arithmetic in C on packed weights.

    Args:
        generator: Program z -> x.
        sensing: Program x -> y.
        calibration: As for :class:`IntegerEngine`.
        activation_bits: As for :class:`IntegerEngine`.
        kernel: Instruction set: ``scalar``, ``avx2``, ...; None: BITPRIOR_KERNEL, or the widest.
        threads: Threads that share the rows of a batch; None: BITPRIOR_THREADS, or 1.

    Raises:
        NativeError: The native library is missing.
        UsageError: No calibration, or a kernel or number of threads that cannot be.
        ProgramError: An op without an integer form, or a plan only numpy can run.
    """

    name = "integer"
    kernel = "native"

    def __init__(
        self,
        generator: Program,
        sensing: Program,
        calibration: Calibration | None,
        activation_bits: int | None = None,
        kernel: str | None = None,
        threads: int | None = None,
    ) -> None:
        self.plan = IntegerEngine(generator, sensing, calibration, activation_bits).plan
        self.kernels = IntegerKernels(self.plan, kernel, threads)
        drawing, sensing_plan = self.plan.generator, self.plan.sensing
        self._latent = drawing.tensors[drawing.source]
        self._drawn = drawing.tensors[drawing.target]
        self._image = sensing_plan.tensors[sensing_plan.source]
        self._measured = sensing_plan.tensors[sensing_plan.target]

    def generate(self, z: Array) -> Array:
        """Return G(z): images [B,C,H,W] in [0,1] from latents [B,k]."""
        _check(z, self._latent, "latents")
        image = self.kernels.generate(z, self._drawn.size)
        return image.reshape(len(z), *self._drawn.shape)

    def sense(self, x: Array) -> Array:
        """Return A(x): measurements [B,m] from images [B,C,H,W] in [0,1]."""
        _check(x, self._image, "images")
        y = self.kernels.sense(x, self._measured.size)
        return y.reshape(len(x), *self._measured.shape)

    def loss(self, z: Array, y: Array) -> Array:
        """Return f(z) = ||y - A(G(z))||^2 per row, [B]."""
        self._check_pair(z, y)
        return self.kernels.loss(z, y)

    def value_and_grad(self, z: Array, y: Array) -> tuple[Array, Array]:
        """Return f(z), [B], and its gradient J_G^T J_A^T 2 (A(G(z)) - y), [B,k]."""
        self._check_pair(z, y)
        loss, gradient = self.kernels.value_and_grad(z, y)
        return loss, gradient.reshape(len(z), -1)

    def _check_pair(self, z: Array, y: Array) -> None:
        _check(z, self._latent, "latents")
        _check(y, self._measured, "measurements")
        if len(z) != len(y):
            raise UsageError("a measurement for each latent", f"{len(y)} for {len(z)}", "pair them")


def _check(rows: Array, tensor: IntegerTensor, what: str) -> None:
    size = int(np.prod(rows.shape[1:]))
    if rows.ndim < 2 or size != tensor.size:
        raise UsageError(
            f"{what} of {tensor.size} values a row", f"shape {rows.shape}", "check the model"
        )
