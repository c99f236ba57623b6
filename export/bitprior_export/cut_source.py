"""Cut the generator of a source: what its first blocks made becomes the latent."""

from dataclasses import replace

from bitprior_export.cuts import cut_generator
from bitprior_export.source import Source
from bitprior_export.step_size import find_step_size
from bitprior_runtime.bundle import SolverDefaults
from bitprior_runtime.bundle.manifest import InitialLatent
from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.solvers import initial_latents

# Generator Surgery's start: N(0, 1) clipped to [-1, 1].
INITIAL_LATENT: InitialLatent = "clamped-normal"
STEPS = 500
_SEED = 0
# Enough to judge a step size by; a cut latent is large.
_IMAGES = 12


def cut_source(source: Source, where: str) -> Source:
    """Return a source with the generator cut, and a solver that suits its latent.

    A cut latent is dense and large, and no step size was learned for it: L-BFGS finds its own, and
    proximal steps get the largest that goes downhill.

    Args:
        source: The whole source.
        where: Name or number of a boundary.

    Raises:
        UsageError: No such boundary; those there are are listed.
        CheckFailedError: No step along the gradient lowers the losses.
    """
    made = cut_generator(source.generator.program, where)
    engine = FloatEngine(made.program, source.sensing.program)
    images = source.images[:_IMAGES]
    ((size,),) = made.program.inputs.values()
    (starts,) = initial_latents(len(images), size, _SEED, kind=INITIAL_LATENT)
    solver = SolverDefaults(
        step_size=find_step_size(engine, engine.sense(images), starts),
        steps=STEPS,
        initial_latent=INITIAL_LATENT,
        name="lbfgs",
    )
    return replace(
        source,
        name=f"{source.name}-cut-{where}"[:100],
        generator=replace(source.generator, program=made.program),
        latents=made.latents,
        solver=solver,
        select=False,
        training={**source.training, "cut": where},
    )
