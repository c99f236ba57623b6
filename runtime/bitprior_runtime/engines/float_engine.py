"""The float engine: float32 forward and adjoint straight from the programs; the reference."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.engines.tape import NumpyProgram
from bitprior_runtime.program import Program

Array = NDArray[Any]


class FloatEngine:
    """Float arithmetic on numpy kernels.

    Args:
        generator: Program z -> x.
        sensing: Program x -> y.
        dtype: float32; float64 for finite-difference checks.

    Raises:
        ProgramError: A program is malformed.
    """

    name = "float"
    kernel = "numpy"

    def __init__(
        self, generator: Program, sensing: Program, dtype: type[np.floating[Any]] = np.float32
    ) -> None:
        self.dtype = dtype
        self._generator = NumpyProgram(generator, dtype)
        self._sensing = NumpyProgram(sensing, dtype)

    def generate(self, z: Array) -> Array:
        """Return G(z): images [B,C,H,W] in [0,1] from latents [B,k]."""
        return self.trace("generator", z)[self._generator.program.output]

    def sense(self, x: Array) -> Array:
        """Return A(x): measurements [B,m] from images [B,C,H,W] in [0,1]."""
        return self.trace("sensing", x)[self._sensing.program.output]

    def loss(self, z: Array, y: Array) -> Array:
        """Return f(z) = ||y - A(G(z))||^2 per row, [B]."""
        residual = self.sense(self.generate(z)) - y
        loss: Array = np.einsum("bm,bm->b", residual, residual)
        return loss

    def value_and_grad(self, z: Array, y: Array) -> tuple[Array, Array]:
        """Return f(z), [B], and its gradient J_G^T J_A^T 2 (A(G(z)) - y), [B,k]."""
        drawn = self.trace("generator", z)
        image = drawn[self._generator.program.output]
        sensed = self.trace("sensing", image)
        residual = sensed[self._sensing.program.output] - y
        loss: Array = np.einsum("bm,bm->b", residual, residual)
        (x_name,) = self._sensing.program.inputs
        (z_name,) = self._generator.program.inputs
        cotangent = self._sensing.backward(sensed, 2 * residual)[x_name]
        return loss, self._generator.backward(drawn, cotangent)[z_name]

    def vjp(self, z: Array, cotangent: Array) -> Array:
        """Return J^T c, [B,k], of J = d A(G(z)) / dz for c [B,m] and z [B,k], or [1,k] for all."""
        drawn = self.trace("generator", z)
        sensed = self.trace("sensing", drawn[self._generator.program.output])
        if len(z) != len(cotangent):
            drawn, sensed = (_repeated(values, len(cotangent)) for values in (drawn, sensed))
        (x_name,) = self._sensing.program.inputs
        (z_name,) = self._generator.program.inputs
        flowing = self._sensing.backward(sensed, cotangent)[x_name]
        return self._generator.backward(drawn, flowing)[z_name]

    def trace(self, which: Literal["generator", "sensing"], value: Array) -> Mapping[str, Array]:
        """Return every activation of one program by name, for node-by-node comparison."""
        program = self._generator if which == "generator" else self._sensing
        (name,) = program.program.inputs
        return program.forward({name: np.asarray(value, dtype=self.dtype)})


def _repeated(values: Mapping[str, Array], count: int) -> dict[str, Array]:
    """Return activations of one row as those of ``count`` equal rows, without a copy."""
    return {name: np.broadcast_to(a, (count, *a.shape[1:])) for name, a in values.items()}
