"""Cut the generator of a source: what its first blocks made becomes the latent."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bitprior_export.cuts import cut_generator
from bitprior_export.solver_selection import fastest_float
from bitprior_export.source import Source
from bitprior_export.step_size import find_step_size
from bitprior_runtime.bundle import SolverDefaults
from bitprior_runtime.bundle.manifest import InitialLatent
from bitprior_runtime.program import Program
from bitprior_runtime.solvers import initial_latents

# Generator Surgery's start: N(0, 1) clipped to [-1, 1].
INITIAL_LATENT: InitialLatent = "clamped-normal"
STEPS = 500
_SEED = 0
# Enough to judge a step size by; a cut latent is large.
_IMAGES = 12


def surgery_solver(
    generator: Program, sensing: Program, images: NDArray[np.float32]
) -> SolverDefaults:
    """Return how Generator Surgery recovers: L-BFGS from N(0, 1) clipped to [-1, 1].

    L-BFGS finds its own steps; proximal ones, for which none was learned, get the largest that
    goes downhill.

    Args:
        generator: Program z -> x.
        sensing: Program x -> y.
        images: Real images [N,C,H,W] in [0,1], of which the first _IMAGES are measured.

    Raises:
        CheckFailedError: No step along the gradient lowers the losses.
    """
    engine = fastest_float(generator, sensing)
    ((size,),) = generator.inputs.values()
    y = engine.sense(images[:_IMAGES])
    (starts,) = initial_latents(len(y), size, _SEED, kind=INITIAL_LATENT)
    return SolverDefaults(
        step_size=find_step_size(engine, y, starts),
        steps=STEPS,
        initial_latent=INITIAL_LATENT,
        name="lbfgs",
    )


def cut_source(source: Source, where: str) -> Source:
    """Return a source with the generator cut, and a solver that suits its latent.

    A cut latent is dense and large, and no step size was learned for it.

    Args:
        source: The whole source.
        where: Name or number of a boundary.

    Raises:
        UsageError: No such boundary; those there are are listed.
        CheckFailedError: No step along the gradient lowers the losses.
    """
    made = cut_generator(source.generator.program, where)
    return replace(
        source,
        name=f"{source.name}-cut-{where}"[:100],
        generator=replace(source.generator, program=made.program),
        latents=made.latents,
        solver=surgery_solver(made.program, source.sensing.program, source.images),
        select=False,
        training={**source.training, "cut": where},
    )
