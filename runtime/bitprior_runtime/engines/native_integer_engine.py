"""The integer engine on native kernels: the same bits as on numpy's."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.bundle import GoldenCases
from bitprior_runtime.bundle.manifest import Calibration
from bitprior_runtime.engines.base import Loop
from bitprior_runtime.engines.integer_engine import IntegerEngine
from bitprior_runtime.errors import UsageError
from bitprior_runtime.kernels.integer import IntegerKernels
from bitprior_runtime.kernels.structures import ProximalStruct
from bitprior_runtime.program import Program

Array = NDArray[Any]
Floats = NDArray[np.float32]


class NativeIntegerEngine:
    """Integer arithmetic in C; equal to :class:`IntegerEngine` bit for bit.

    Weights stay in memory at their bit width (3 bits take 4), one copy for both directions.

    Args:
        generator: Program z -> x.
        sensing: Program x -> y.
        calibration: As for :class:`IntegerEngine`.
        activation_bits: As for :class:`IntegerEngine`.
        golden: As for :class:`IntegerEngine`.
        instructions: ``scalar``, ``avx2``, ``avx512vnni``, ``neon`` or ``sdot``; None: as
            BITPRIOR_KERNEL says, or the widest this CPU can run.
        threads: Threads that share a batch; None: as BITPRIOR_THREADS says, or 1.

    Attributes:
        plan: The plan, the same as that of :class:`IntegerEngine`.
        instructions: The ones in use.
        threads: The number in use.
        weight_bytes: Bytes of the packed weights, of which there is one copy.

    Raises:
        NativeError: The native library is missing.
        UsageError: No calibration, or instructions or a number of threads that cannot be.
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
        golden: GoldenCases | None = None,
        instructions: str | None = None,
        threads: int | None = None,
    ) -> None:
        # Only the plan is kept: the numpy engine holds its weights as float64 besides.
        self.plan = IntegerEngine(generator, sensing, calibration, activation_bits, golden).plan
        self._kernels = IntegerKernels(self.plan, instructions, threads)
        self.instructions, self.threads = self._kernels.instructions, self._kernels.threads
        self.weight_bytes = self._kernels.weight_bytes
        drawing, measuring = self.plan.generator, self.plan.sensing
        self._latents = drawing.tensors[drawing.source].size
        self._drawn = drawing.tensors[drawing.target].shape
        self._pixels = measuring.tensors[measuring.source].size
        self._measured = measuring.tensors[measuring.target].shape
        self._measurements = measuring.tensors[measuring.target].size

    def generate(self, z: Array) -> Floats:
        """Return G(z): images [B,C,H,W] in [0,1] from latents [B,k]."""
        _check(z, self._latents, "latents")
        image = np.empty((len(z), *self._drawn), np.float32)
        self._kernels.generate(_dense(z), image)
        return image

    def sense(self, x: Array) -> Floats:
        """Return A(x): measurements [B,m] from images [B,C,H,W] in [0,1]."""
        _check(x, self._pixels, "images")
        y = np.empty((len(x), *self._measured), np.float32)
        self._kernels.sense(_dense(x), y)
        return y

    def loss(self, z: Array, y: Array) -> Floats:
        """Return f(z) = ||y - A(G(z))||^2 per row, [B]."""
        self._check_pair(z, y)
        return self._kernels.loss(_dense(z), _dense(y))

    def value_and_grad(self, z: Array, y: Array) -> tuple[Floats, Floats]:
        """Return f(z), [B], and its gradient J_G^T J_A^T 2 (A(G(z)) - y), [B,k]."""
        self._check_pair(z, y)
        return self._kernels.value_and_grad(z, y)

    def vjp(self, z: Array, cotangent: Array) -> Floats:
        """Return J^T c, [B,k], of J = d A(G(z)) / dz for c [B,m] and z [B,k], or [1,k] for all."""
        if len(z) == 1:
            z = np.broadcast_to(z, (len(cotangent), *z.shape[1:]))
        self._check_pair(z, cotangent)
        return self._kernels.vjp(_dense(z), _dense(cotangent))

    def loops(self, loop: Loop) -> bool:
        """Return True: C has all of them."""
        return True

    def proximal(self, z0: Array, y: Array, loop: Loop) -> tuple[Floats, Floats, Array]:
        """Run the proximal solver with a fixed step in C; see ``ProximalEngine``."""
        self._check_pair(z0, y)
        z = np.array(z0, dtype=np.float32, order="C")
        history = np.empty((loop.steps + 1, len(z)), np.float32)
        taken = np.empty(len(z), np.int64)
        self._kernels.proximal(ProximalStruct.of(loop), z, _dense(y), history, taken)
        return z, history, taken

    def _check_pair(self, z: Array, y: Array) -> None:
        _check(z, self._latents, "latents")
        _check(y, self._measurements, "measurements")
        if len(z) != len(y):
            raise UsageError(
                "one measurement a latent",
                f"{len(y)} measurements, {len(z)} latents",
                "pair them",
            )


def _check(values: Array, size: int, what: str) -> None:
    if values.ndim == 0 or len(values) * size != values.size:
        raise UsageError(
            f"{what} of {size} values a row", f"shape {values.shape}", "check the model"
        )


def _dense(values: Array) -> Floats:
    return np.ascontiguousarray(values, dtype=np.float32)
