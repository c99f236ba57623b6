"""Ranges of activations for the integer engine, from real images and their recoveries.

A range too wide wastes steps of the few that 8 bits have; one too narrow clips. The float engine
meets both real images and what it draws on the way from the start latents to the recovered ones;
of all the values seen, a method chooses the range.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bitprior_export.solver_selection import fastest_float
from bitprior_runtime.bundle import LearnedSearch, SolverDefaults
from bitprior_runtime.bundle.manifest import ActivationBits, Calibration, ProgramName
from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.engines.tape import NumpyProgram
from bitprior_runtime.errors import UsageError
from bitprior_runtime.program import Program
from bitprior_runtime.proximal_defaults import bundle_options
from bitprior_runtime.solvers import initial_latents
from bitprior_runtime.solvers.choice import choose

Method: TypeAlias = Literal["percentile", "mse", "max"]

Array = NDArray[Any]

# Of the magnitudes of an activation this many per cent are inside the range.
PERCENTILE = 99.99
# The ranges that "mse" tries, as shares of the largest magnitude.
_SHARES = tuple(share / 40 for share in range(10, 41))
# So many images are recovered for their latents.
_RECOVERED = 24
# After so many steps of a recovery its latents are taken, besides those at its start and its end.
_STOPS = (1, 3, 10, 25)
# Where a long recovery counts as ended: its last steps change the latents little.
_LAST_STOP = 100
# Values that "mse" looks at, spread evenly over all it could.
_LOOKED_AT = 1 << 18
# A range of a tensor that is always 0.
_LEAST = 1e-6
_SEED = 1


def recovery_latents(
    generator: Program, sensing: Program, images: NDArray[np.float32], solver: SolverDefaults
) -> NDArray[np.float32]:
    """Return latents met on the way of recoveries, [stops * min(N, _RECOVERED), k].

    Args:
        generator: Program z -> x.
        sensing: Program x -> y.
        images: Real images [N,C,H,W] in [0,1], of which the first _RECOVERED are recovered.
        solver: How they are recovered.
    """
    engine = fastest_float(generator, sensing)
    ((size,),) = generator.inputs.values()
    y = engine.sense(images[:_RECOVERED])
    (z0,) = initial_latents(len(y), size, _SEED, kind=solver.initial_latent, y=y)
    options = bundle_options(solver, solver.name)
    met = [z0]
    for stop in sorted({*_STOPS, min(solver.steps, _LAST_STOP)}):
        choice = choose(solver.name, options, {"steps": stop})
        met.append(choice.solve(engine, y, z0, None, None).latent)
    return np.concatenate(met)


def calibrate_on_recoveries(
    generator: Program, sensing: Program, images: NDArray[np.float32], solver: SolverDefaults
) -> Calibration:
    """Choose ranges from real images and the latents met on the way of their recoveries."""
    return calibrate(
        generator, sensing, images, recovery_latents(generator, sensing, images, solver)
    )


def calibrate(
    generator: Program,
    sensing: Program,
    images: NDArray[np.float32],
    latents: NDArray[np.float32],
    method: Method = "mse",
    activation_bits: ActivationBits = 8,
    measures: bool = True,
) -> Calibration:
    """Choose a range for every activation of both programs.

    Args:
        generator: Program z -> x.
        sensing: Program x -> y; it sees the real images and those drawn from the latents.
        images: Real images [N,C,H,W] in [0,1].
        latents: Realistic latents [M,k], see :func:`recovery_latents`.
        method: ``max``: the largest magnitude seen; ``percentile``: that of PERCENTILE per cent of
            the values; ``mse``: the range with the least squared error of rounding and clipping.
        activation_bits: Bit width the ranges are for.
        measures: Whether the sensing program is the prior's own. If not, it is the identity that
            stands for none: its values are the generator's, and the file has no ranges of it.

    Raises:
        UsageError: Unknown method.
    """
    if method not in _METHODS:
        raise UsageError(f"a method out of {', '.join(_METHODS)}", f"{method!r}", "choose one")
    engine = FloatEngine(generator, sensing)
    drawn = engine.trace("generator", latents)
    seen = np.concatenate([images, drawn[generator.output]])
    sensed = engine.trace("sensing", seen)
    ends = {*generator.inputs, generator.output, *sensing.inputs, sensing.output}
    levels = (1 << (activation_bits - 1)) - 1
    absmax: dict[ProgramName, dict[str, float]] = {
        "generator": _ranges(drawn, ends, method, levels),
        "sensing": _ranges(sensed, ends, method, levels),
    }
    if not measures:
        del absmax["sensing"]
    return Calibration(activation_bits=activation_bits, absmax=absmax)


def calibrate_search(
    search: LearnedSearch,
    inputs: NDArray[np.float32],
    latents: NDArray[np.float32],
    method: Method = "mse",
    activation_bits: ActivationBits = 8,
) -> dict[ProgramName, dict[str, float]]:
    """Choose a range for every activation of the programs of a learned search.

    Args:
        search: The search; its programs at the frame that ``inputs`` and ``latents`` have.
        inputs: What ``start`` meets, u [N,2*H*W].
        latents: What ``penalty`` meets, z [M,k].
        method: As of :func:`calibrate`.
        activation_bits: Bit width the ranges are for.

    Returns:
        Ranges by program, to be added to those of :func:`calibrate`.

    Raises:
        UsageError: Unknown method.
    """
    if method not in _METHODS:
        raise UsageError(f"a method out of {', '.join(_METHODS)}", f"{method!r}", "choose one")
    levels = (1 << (activation_bits - 1)) - 1

    def ranges(program: Program, values: Array) -> dict[str, float]:
        (source,) = program.inputs
        seen = NumpyProgram(program, np.float32).forward({source: values})
        return _ranges(seen, {source, program.output}, method, levels)

    return {"start": ranges(search.start, inputs), "penalty": ranges(search.penalty, latents)}


def _ranges(
    activations: Mapping[str, Array], ends: set[str], method: Method, levels: int
) -> dict[str, float]:
    # Latents, images and measurements have bits to spare: they are never clipped.
    return {
        name: max(_METHODS["max" if name in ends else method](np.abs(values), levels), _LEAST)
        for name, values in activations.items()
    }


def _largest(magnitudes: Array, levels: int) -> float:
    return float(magnitudes.max())


def _percentile(magnitudes: Array, levels: int) -> float:
    return float(np.percentile(magnitudes, PERCENTILE))


def _least_squares(magnitudes: Array, levels: int) -> float:
    largest = float(magnitudes.max())
    some = magnitudes.reshape(-1)[:: -(-magnitudes.size // _LOOKED_AT)]
    tried: Sequence[float] = [share * largest for share in _SHARES]
    return min(tried, key=lambda absmax: _squared_error(some, absmax / levels, levels))


def _squared_error(magnitudes: Array, step: float, levels: int) -> float:
    if step == 0:
        return 0.0
    rounded = np.minimum(np.rint(magnitudes / step), levels) * step
    return float(np.square(rounded - magnitudes).mean())


_METHODS: Mapping[str, Callable[[Array, int], float]] = {
    "percentile": _percentile,
    "mse": _least_squares,
    "max": _largest,
}
