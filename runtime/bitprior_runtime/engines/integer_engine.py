"""The integer engine: b-bit weights, 8- and 16-bit activations and cotangents, 32-bit sums.

Its results are the same, bit for bit, on every machine. docs/integer.md defines them.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.bundle import GoldenCases
from bitprior_runtime.bundle.manifest import Calibration
from bitprior_runtime.errors import UsageError
from bitprior_runtime.integer.adjoint import Adjoint
from bitprior_runtime.integer.compile import compile_plan
from bitprior_runtime.integer.correction import correction_of
from bitprior_runtime.integer.forward import Activations, Forward, dequantise, quantise
from bitprior_runtime.integer.normalise import Cotangent, cotangent_of
from bitprior_runtime.integer.plan import IntegerPlan
from bitprior_runtime.integer.real import Floats
from bitprior_runtime.program import Program

Array = NDArray[Any]
Int64s = NDArray[np.int64]


class IntegerEngine:
    """Integer arithmetic on numpy kernels.

    Args:
        generator: Program z -> x.
        sensing: Program x -> y.
        calibration: Ranges of the activations, from the bundle. Without them the engine refuses:
            ranges measured here in floating point would differ from machine to machine.
        activation_bits: 8 or 16, of the generator's activations and of cotangents; None: what
            the calibration says.
        golden: Golden cases of the bundle, by which the sensing network's measurements are
            corrected for what rounding its weights adds to all of them; None: no correction.

    Raises:
        UsageError: No calibration, or other bits.
        ProgramError: An op without an integer form, or numbers that fit no integers.
    """

    name = "integer"
    kernel = "numpy"

    def __init__(
        self,
        generator: Program,
        sensing: Program,
        calibration: Calibration | None,
        activation_bits: int | None = None,
        golden: GoldenCases | None = None,
    ) -> None:
        if calibration is None:
            raise UsageError(
                "a bundle with calibrated ranges for the integer engine",
                "none (format 1.0, or exported without)",
                "export the run again with this version of bitprior, or use the float engine",
            )
        widths = _widths(calibration, activation_bits)
        self.plan = _plan(generator, sensing, calibration, widths, golden)
        self._generator = Forward(self.plan.generator)
        self._sensing = Forward(self.plan.sensing)

    def generate(self, z: Array) -> Array:
        """Return G(z): images [B,C,H,W] in [0,1] from latents [B,k]."""
        program = self.plan.generator
        return dequantise(self._draw(z).values[program.target], program.tensors[program.target])

    def sense(self, x: Array) -> Array:
        """Return A(x): measurements [B,m] from images [B,C,H,W] in [0,1]."""
        program = self.plan.sensing
        kept = self._sensing.run(quantise(x, program.tensors[program.source]))
        return dequantise(kept.values[program.target], program.tensors[program.target])

    def loss(self, z: Array, y: Array) -> Array:
        """Return f(z) = ||y - A(G(z))||^2 per row, [B]."""
        image = self._draw(z).values[self.plan.generator.target]
        return self._loss(self._residual(self._sensing.run(image), y))

    def value_and_grad(self, z: Array, y: Array) -> tuple[Array, Array]:
        """Return f(z), [B], and its gradient J_G^T J_A^T 2 (A(G(z)) - y), [B,k]."""
        drawn = self._draw(z)
        sensed = self._sensing.run(drawn.values[self.plan.generator.target])
        residual = self._residual(sensed, y)
        cotangent = Cotangent(residual, np.zeros(len(residual), np.int64))
        gradient = self._back(drawn, sensed, cotangent, self.plan.gradient_scale)
        return self._loss(residual), gradient.reshape(np.shape(z))

    def vjp(self, z: Array, cotangent: Array) -> NDArray[np.float32]:
        """Return J^T c, [B,k], of J = d A(G(z)) / dz for c [B,m] and z [B,k], or [1,k] for all."""
        drawn = self._draw(z)
        sensed = self._sensing.run(drawn.values[self.plan.generator.target])
        if len(z) != len(cotangent):
            drawn, sensed = drawn.repeated(len(cotangent)), sensed.repeated(len(cotangent))
        found = self._back(drawn, sensed, cotangent_of(cotangent), self.plan.vjp_scale)
        return found.reshape(len(cotangent), *np.shape(z)[1:])

    def _back(
        self, drawn: Activations, sensed: Activations, cotangent: Cotangent, scale: float
    ) -> NDArray[np.float32]:
        cotangent = Adjoint(self._sensing).run(sensed, cotangent)
        cotangent = Adjoint(self._generator).run(drawn, cotangent)
        exact = np.ldexp(cotangent.mantissa.astype(np.float64), cotangent.exponent[:, np.newaxis])
        gradient: NDArray[np.float32] = (exact * scale).astype(np.float32)
        return gradient

    def _draw(self, z: Array) -> Activations:
        program = self.plan.generator
        return self._generator.run(quantise(z, program.tensors[program.source]))

    def _residual(self, sensed: Activations, y: Array) -> Int64s:
        program = self.plan.sensing
        return sensed.values[program.target] - quantise(y, program.tensors[program.target])

    def _loss(self, residual: Int64s) -> NDArray[np.float32]:
        program = self.plan.sensing
        step = program.tensors[program.target].step
        squares = (residual * residual).sum(axis=1).astype(np.float64)
        loss: NDArray[np.float32] = (squares * (step * step)).astype(np.float32)
        return loss


def _widths(calibration: Calibration, forced: int | None) -> tuple[int, int]:
    """Return the bits of activations and of cotangents."""
    if forced is not None:
        return forced, forced
    bits = calibration.activation_bits
    return bits, bits if calibration.cotangent_bits is None else calibration.cotangent_bits


def _plan(
    generator: Program,
    sensing: Program,
    calibration: Calibration,
    widths: tuple[int, int],
    golden: GoldenCases | None,
) -> IntegerPlan:
    activations, cotangents = widths

    def compiled(correction: Floats | None) -> IntegerPlan:
        absmax = calibration.absmax
        return compile_plan(generator, sensing, absmax, activations, correction, cotangents)

    plan = compiled(None)
    if golden is None:
        return plan
    return compiled(correction_of(plan.sensing, golden.images, golden.sensed))
