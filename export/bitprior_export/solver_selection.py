"""Choose a bundle's default solver: measured on the run's validation images.

The solvers are those that every engine runs by itself, in C and in recover.onnx: proximal steps
as trained (Q-GEN's recovery) and FISTA, with dense latents and with sparse ones. Each recovers the
same images without and with noise in their measurements. The winner is the one that needs the
fewest steps to come within WITHIN of the highest mean PSNR.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.bundle import FistaDefaults, SolverDefaults
from bitprior_runtime.engines import Engine, FloatEngine
from bitprior_runtime.kernels import NativeError
from bitprior_runtime.kernels.float_scope import UnsupportedOpError
from bitprior_runtime.program import Program
from bitprior_runtime.proximal_defaults import loop_options
from bitprior_runtime.solvers import initial_latents
from bitprior_runtime.solvers.momentum import SHARE
from bitprior_runtime.solvers.proximal import proximal_method
from bitprior_runtime.solvers.running import run

IMAGES = 12
# Standard deviation of the noise, of the root mean square of each measurement.
NOISE = (0.0, 0.01, 0.05)
STEPS = (10, 20, 30, 50)
WITHIN = 0.1  # dB
_SEED = 0
_LEAST_ERROR = 1e-10  # 100 dB

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class _Problem:
    """Images [N,C,H,W]; measurements and start latents of them all, noise by noise."""

    images: Array
    y: Array
    z0: Array


def select_solver(
    generator: Program, sensing: Program, images: NDArray[np.float32], solver: SolverDefaults
) -> SolverDefaults:
    """Return the defaults with the solver that wins, and with what was measured.

    Latents that are projected leave nothing to choose: momentum would leave the sphere.

    Args:
        generator: Program z -> x.
        sensing: Program x -> y.
        images: Validation images [N,C,H,W] in [0,1], of which the first IMAGES are recovered.
        solver: Learned step size and sparsity, and the start distribution.
    """
    if solver.projection != "none":
        return solver
    engine = fastest_float(generator, sensing)
    ((size,),) = generator.inputs.values()
    problem = _problem(engine, images[:IMAGES], size, solver)
    rivals = _rivals(solver, size)
    found = [_qualities(engine, problem, rival) for rival in rivals]
    means = np.array([[np.mean(levels) for levels in each] for each in found])
    index, rival = _winner(means)
    measured = [
        {
            "solver": rival.name,
            "step_size": loop_options(rival, 1).step_size,
            "sparsity": loop_options(rival, 1).sparsity,
            "psnr": {str(t): levels for t, levels in zip(STEPS, each, strict=True)},
        }
        for rival, each in zip(rivals, found, strict=True)
    ]
    selection: dict[str, Any] = {
        "images": len(problem.images),
        "noise": list(NOISE),
        "within_db": WITHIN,
        "measured": measured,
    }
    return replace(rivals[rival], steps=STEPS[index], selection=selection)


def _rivals(solver: SolverDefaults, size: int) -> list[SolverDefaults]:
    """Return the defaults that compete; all know how FISTA would run."""
    short = SHARE * solver.step_size
    dense = replace(solver, name="fista", fista=FistaDefaults(short))
    rivals = [replace(dense, name="proximal"), dense]
    if solver.sparsity is not None and solver.sparsity < size:
        rivals.append(replace(dense, fista=FistaDefaults(short, solver.sparsity)))
    return rivals


def _problem(engine: Engine, images: Array, size: int, solver: SolverDefaults) -> _Problem:
    y = engine.sense(images)
    noise = np.random.default_rng(_SEED).standard_normal(y.shape)
    noise *= np.sqrt(np.square(y).mean(axis=1, keepdims=True))
    noisy = [(y + level * noise).astype(np.float32) for level in NOISE]
    kind = solver.initial_latent
    starts = [initial_latents(len(images), size, _SEED, kind=kind, y=each)[0] for each in noisy]
    return _Problem(images, np.concatenate(noisy), np.concatenate(starts))


def _qualities(engine: Engine, problem: _Problem, solver: SolverDefaults) -> list[list[float]]:
    """Return the mean PSNR in dB after each of STEPS, at each of NOISE."""
    options = loop_options(solver, STEPS[-1])
    method = proximal_method(engine, problem.y, problem.z0, options)
    latents = []

    def watch(step: int, steps: int) -> None:
        if step in STEPS:
            latents.append(method.z)

    run(method, options, watch)
    with np.errstate(over="ignore", invalid="ignore"):  # steps too long for this network
        return [_psnr(engine.generate(z), problem.images) for z in latents]


def _psnr(found: Array, images: Array) -> list[float]:
    differences = found.reshape(len(NOISE), *images.shape).astype(np.float64) - images
    errors = np.square(differences).reshape(*differences.shape[:2], -1).mean(axis=-1)
    # An image that overflowed is worth nothing.
    errors = np.nan_to_num(errors, nan=1.0, posinf=1.0).clip(_LEAST_ERROR, 1.0)
    means: list[float] = (-10 * np.log10(errors)).mean(axis=1).round(3).tolist()
    return means


def _winner(means: NDArray[np.float64]) -> tuple[int, int]:
    """Return indices of steps and of the rival, given mean PSNR [rivals, steps]."""
    index = int(np.argmax(means.max(axis=0) >= means.max() - WITHIN))
    return index, int(means[:, index].argmax())


def fastest_float(generator: Program, sensing: Program) -> Engine:
    """Return the float engine, on native kernels where they work."""
    from bitprior_runtime.engines.native_float_engine import NativeFloatEngine

    try:
        return NativeFloatEngine(generator, sensing, threads=1)
    except (NativeError, UnsupportedOpError):
        return FloatEngine(generator, sensing)
