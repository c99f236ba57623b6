"""Choose a bundle's default solver: measured on the run's validation images.

The solvers are those that every engine runs by itself, in C and in recover.onnx: proximal steps
as trained (Q-GEN's recovery) and FISTA, with dense latents and with sparse ones. Each recovers the
same images without and with noise in their measurements. The winner is the one that needs the
fewest steps to come within WITHIN of the highest mean PSNR.

Where recoveries start at the measurement, z = y, which is nearly there, the steps are few and of
several sizes, and more of them have to bring less.
"""

from collections.abc import Sequence
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
FEW_IMAGES = 16
# Standard deviation of the noise, of the root mean square of each measurement.
NOISE = (0.0, 0.01, 0.05)
STEPS = (10, 20, 30, 50)
WITHIN = 0.1  # dB
# The same from z = y, and the step sizes, as shares of the one the training chose.
FEW_STEPS = (1, 2, 3, 5)
FEW_WITHIN = 0.03
SIZES = (0.6, 1.0, 1.5)
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
    near = solver.initial_latent == "measurement"
    steps, within = (FEW_STEPS, FEW_WITHIN) if near else (STEPS, WITHIN)
    problem = _problem(engine, images[: FEW_IMAGES if near else IMAGES], size, solver)
    rivals = _near_rivals(solver) if near else _rivals(solver, size)
    found = [_qualities(engine, problem, rival, steps) for rival in rivals]
    means = np.array([[np.mean(levels) for levels in each] for each in found])
    index, rival = _winner(means, within)
    measured = [
        {
            "solver": rival.name,
            "step_size": loop_options(rival, 1).step_size,
            "sparsity": loop_options(rival, 1).sparsity,
            "psnr": {str(t): levels for t, levels in zip(steps, each, strict=True)},
        }
        for rival, each in zip(rivals, found, strict=True)
    ]
    selection: dict[str, Any] = {
        "images": len(problem.images),
        "noise": list(NOISE),
        "within_db": within,
        "measured": measured,
    }
    return replace(rivals[rival], steps=steps[index], selection=selection)


def _rivals(solver: SolverDefaults, size: int) -> list[SolverDefaults]:
    """Return the defaults that compete; all know how FISTA would run."""
    short = SHARE * solver.step_size
    dense = replace(solver, name="fista", fista=FistaDefaults(short))
    rivals = [replace(dense, name="proximal"), dense]
    if solver.sparsity is not None and solver.sparsity < size:
        rivals.append(replace(dense, fista=FistaDefaults(short, solver.sparsity)))
    return rivals


def _near_rivals(solver: SolverDefaults) -> list[SolverDefaults]:
    """Return the defaults that compete from z = y: both loops, at each of SIZES."""
    rivals = []
    for share in SIZES:
        size = share * solver.step_size
        plain = replace(solver, name="proximal", step_size=size, fista=FistaDefaults(size))
        rivals += [plain, replace(plain, name="fista")]
    return rivals


def _problem(engine: Engine, images: Array, size: int, solver: SolverDefaults) -> _Problem:
    y = engine.sense(images)
    noise = np.random.default_rng(_SEED).standard_normal(y.shape)
    noise *= np.sqrt(np.square(y).mean(axis=1, keepdims=True))
    noisy = [(y + level * noise).astype(np.float32) for level in NOISE]
    kind = solver.initial_latent
    starts = [initial_latents(len(images), size, _SEED, kind=kind, y=each)[0] for each in noisy]
    return _Problem(images, np.concatenate(noisy), np.concatenate(starts))


def _qualities(
    engine: Engine, problem: _Problem, solver: SolverDefaults, stops: Sequence[int]
) -> list[list[float]]:
    """Return the mean PSNR in dB after each number of steps, at each of NOISE."""
    options = loop_options(solver, stops[-1])
    method = proximal_method(engine, problem.y, problem.z0, options)
    latents = []

    def watch(step: int, steps: int) -> None:
        if step in stops:
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


def _winner(means: NDArray[np.float64], within: float) -> tuple[int, int]:
    """Return indices of steps and of the rival, given mean PSNR [rivals, steps]."""
    index = int(np.argmax(means.max(axis=0) >= means.max() - within))
    return index, int(means[:, index].argmax())


def fastest_float(generator: Program, sensing: Program) -> Engine:
    """Return the float engine, on native kernels where they work."""
    from bitprior_runtime.engines.native_float_engine import NativeFloatEngine

    try:
        return NativeFloatEngine(generator, sensing, threads=1)
    except (NativeError, UnsupportedOpError):
        return FloatEngine(generator, sensing)
