"""Compile two programs to an integer plan.

Everything is derived with IEEE operations on single float64 values, sums of integers, and decimal
arithmetic for tables: the plan is the same, bit for bit, on every machine.
"""

import math
from collections.abc import Mapping

from bitprior_runtime.bundle.manifest import ProgramName
from bitprior_runtime.errors import UsageError
from bitprior_runtime.integer.assemble import assemble
from bitprior_runtime.integer.correction import shifted
from bitprior_runtime.integer.limits import lowered_limits, silence_negligible
from bitprior_runtime.integer.lowering import fuse, lower
from bitprior_runtime.integer.plan import IntegerPlan
from bitprior_runtime.integer.real import Floats, RealProgram, leader_of
from bitprior_runtime.integer.steps import WIDE_BITS, WIDE_ROOM, Range, absmax_of, ranges_of
from bitprior_runtime.program import Program

# Float weights become integers of so many bits, by the bits of cotangents. With 16-bit ones, 8
# bits would be what loses most; with more than 11, range analysis would take from the activations
# what the weights get.
WEIGHT_BITS = {8: 8, 16: 11}
# The loss adds up squares of differences of measurements, each within its limit, in int64.
MAX_SQUARES = (1 << 63) - 1
USE_FLOAT = "use the float engine"


def compile_plan(
    generator: Program,
    sensing: Program,
    absmax: Mapping[ProgramName, Mapping[str, float]],
    activation_bits: int,
    correction: Floats | None = None,
    cotangent_bits: int | None = None,
) -> IntegerPlan:
    """Compile a prior.

    Args:
        generator: Program z -> x.
        sensing: Program x -> y.
        absmax: Calibrated ranges of activations by program and name; of a sensing program that is
            the identity none are needed.
        activation_bits: 8 or 16, of the generator's activations.
        correction: Added to y, [m], if a Gemm or MatMul gives y; see :mod:`.correction`.
        cotangent_bits: 8 or 16, of cotangents; None: as ``activation_bits``.

    Raises:
        UsageError: Other bits, or a range that is missing.
        ProgramError: An op without an integer form, or numbers that fit no integers.
    """
    narrow = activation_bits if cotangent_bits is None else cotangent_bits
    for bits in (activation_bits, narrow):
        if bits not in WEIGHT_BITS:
            raise UsageError("8 or 16 activation bits", f"{bits}", "choose one of them")
    weight_bits = WEIGHT_BITS[narrow]
    drawing = fuse(lower(generator, weight_bits))
    # Without ranges of its own it is the identity, and a measurement has the step of the image.
    measuring = fuse(lower(sensing, weight_bits, apart="sensing" in absmax))
    if correction is not None:
        measuring = shifted(measuring, correction)
    drawing, measuring, ranges = _ranged(drawing, measuring, absmax, activation_bits)
    its, size = _measurements(measuring, ranges[1])
    most = MAX_SQUARES // (2 * its.limit) ** 2
    if size > most:
        raise UsageError(f"at most {most} measurements", f"{size}", USE_FLOAT)
    # d loss / d y = 2 (y_hat - y): the integer residual times twice the step.
    measured, constant = assemble(measuring, ranges[1], narrow, 2.0 * its.step)
    drawn, constant = assemble(drawing, ranges[0], narrow, constant)
    return IntegerPlan(drawn, measured, activation_bits, narrow, constant)


def _measurements(sensing: RealProgram, ranges: Mapping[str, Range]) -> tuple[Range, int]:
    target = sensing.target
    return ranges[leader_of(sensing)[target]], math.prod(sensing.shapes[target])


def _ranged(
    generator: RealProgram,
    sensing: RealProgram,
    absmax: Mapping[ProgramName, Mapping[str, float]],
    bits: int,
) -> tuple[RealProgram, RealProgram, list[dict[str, Range]]]:
    """Choose ranges for both programs, with one for the images that passes between them.

    The sensing network always has wide activations: what it rounds, the real sensor does not, so
    that no latent can make up for it.
    """
    programs = [generator, sensing]
    ends = [generator.target, sensing.source]
    known = [absmax["generator"], absmax.get("sensing", {})]
    # A sensing program without nodes is the identity: its values are the generator's.
    largest = (
        absmax_of(program, end, its)
        for program, end, its in zip(programs, ends, known, strict=True)
        if program.nodes
    )
    # Images that a network senses are near [0, 1]; what stands alone may draw further than it has.
    room = 1.0 if sensing.nodes else WIDE_ROOM
    image = Range(room * max(1.0, *largest), (1 << (WIDE_BITS - 1)) - 1)
    while True:
        wanted = [
            ranges_of(program, ranges, its_bits, image)
            for program, ranges, its_bits in zip(programs, known, (bits, WIDE_BITS), strict=True)
        ]
        programs = [silence_negligible(*pair) for pair in zip(programs, wanted, strict=True)]
        found = [lowered_limits(*pair) for pair in zip(programs, wanted, strict=True)]
        limit = min(
            ranges[leader_of(program)[end]].limit
            for program, ranges, end in zip(programs, found, ends, strict=True)
        )
        if limit == image.limit:
            return programs[0], programs[1], found
        image = Range(image.absmax, limit)
