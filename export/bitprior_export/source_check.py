"""Check a source's networks node by node against qonnx's executor."""

import numpy as np
from numpy.typing import NDArray

from bitprior_export.program_check import check_program
from bitprior_export.qonnx.comparison import CheckReport
from bitprior_export.source import Source
from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.solvers import initial_latents

_ROWS = 8
_LARGE = tuple(map(np.float32, (100, 10, 2)))
_SEED = 20240229


def check_nodes(source: Source) -> tuple[CheckReport, CheckReport]:
    """Compare every node of the generator and of the sensing network with qonnx's executor.

    Inputs are latents that recoveries start from and real images, and what else should work:
    random, zero and large latents, generated, black and white images.

    Raises:
        CheckFailedError: A node differs; the first one is named.
    """
    engine = FloatEngine(source.generator.program, source.sensing.program)
    kind = source.solver.initial_latent
    kind = "normal" if kind == "measurement" else kind
    (starts,) = initial_latents(_ROWS, source.latent, _SEED, kind=kind)
    noise = np.random.default_rng(_SEED).standard_normal((3, source.latent), dtype=np.float32)
    latents = {
        "start": starts,
        "random": noise,
        "zeros": np.zeros((1, source.latent), dtype=np.float32),
        "large": _large(engine, noise),
    }
    images = {
        "real": source.images[:_ROWS],
        "generated": engine.generate(starts),
        "black": np.zeros((1, *source.geometry), dtype=np.float32),
        "white": np.ones((1, *source.geometry), dtype=np.float32),
    }
    return (
        check_program(engine, "generator", source.generator, latents),
        check_program(engine, "sensing", source.sensing, images),
    )


def _large(engine: FloatEngine, noise: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the noise as large as the generator takes it without overflow: an Exp has limits."""
    for factor in _LARGE:
        with np.errstate(over="ignore", invalid="ignore"):
            values = engine.trace("generator", factor * noise)
        if all(np.isfinite(value).all() for value in values.values()):
            break
    return factor * noise
