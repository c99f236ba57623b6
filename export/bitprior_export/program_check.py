"""Check programs in the float engine: every node against qonnx, the gradient against slopes."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bitprior_export.qonnx.comparison import CheckReport, Comparison
from bitprior_export.qonnx.execution import execute
from bitprior_export.qonnx.reader import Translation
from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.errors import CheckFailedError
from bitprior_runtime.program import Program

GRADIENT_TOLERANCE = 1e-4
MAX_AXES = 256
_SEED = 20240229
# At a kink of a LeakyReLU the slope between z - e and z + e is neither side's; hardly any kink
# is within both steps.
_STEPS = (1e-6, 1e-8)


def check_program(
    engine: FloatEngine,
    which: Literal["generator", "sensing"],
    translation: Translation,
    cases: dict[str, NDArray[np.float32]],
) -> CheckReport:
    """Compare every node of a program with the same node in qonnx's executor.

    Args:
        engine: The engine to check.
        which: Which of its programs.
        translation: The program and its graph.
        cases: Inputs by name: real ones, and whatever else should work.

    Raises:
        CheckFailedError: A node differs; the first one is named.
    """
    comparison = Comparison("qonnx")
    for case, inputs in cases.items():
        expected = execute(translation.model, inputs)
        found = engine.trace(which, inputs)
        comparison.start(case, inputs)
        for node in translation.program.nodes:
            if node.output not in translation.names:
                continue  # half of a node of the graph, whose other half is compared
            comparison.compare(
                node.output, node.op, found[node.output], expected[translation.names[node.output]]
            )
    return comparison.report()


def check_gradient(
    generator: Program,
    sensing: Program,
    z: NDArray[np.float32],
    y: NDArray[np.float32],
) -> float:
    """Compare the gradient of f with central differences, in float64, entry by entry.

    Of latents with more than MAX_AXES entries, that many are compared.

    Args:
        generator: Program z -> x.
        sensing: Program x -> y.
        z: Latents [N,k].
        y: Measurements [N,m].

    Returns:
        The largest difference relative to the largest entry of its gradient.

    Raises:
        CheckFailedError: It is over GRADIENT_TOLERANCE, or a gradient is all zeros.
    """
    engine = FloatEngine(generator, sensing, dtype=np.float64)
    _, gradients = engine.value_and_grad(z.astype(np.float64), y.astype(np.float64))
    worst, rng = 0.0, np.random.default_rng(_SEED)
    for latent, measurement, gradient in zip(z, y, gradients, strict=True):
        largest = float(np.abs(gradient).max())
        axes = rng.permutation(len(latent))[:MAX_AXES]
        slopes = [_slopes(engine, latent, measurement, axes, step) for step in _STEPS]
        difference = np.min([np.abs(slope - gradient[axes]) for slope in slopes], axis=0).max()
        if not (largest > 0 and difference <= GRADIENT_TOLERANCE * largest):
            raise CheckFailedError(
                f"a gradient of f other than zero, equal to its central differences within "
                f"{GRADIENT_TOLERANCE:g} of its largest entry",
                f"a difference of {difference:.3g} with a largest entry of {largest:.3g}",
                "check the training: the latent must move the measurements",
            )
        worst = max(worst, float(difference / largest))
    return worst


def _slopes(
    engine: FloatEngine, z: NDArray[Any], y: NDArray[Any], axes: NDArray[np.intp], step: float
) -> NDArray[np.float64]:
    """Return (f(z + e) - f(z - e)) / 2 |e| for e along some axes of z."""
    moves = np.zeros((len(axes), len(z)))
    moves[np.arange(len(axes)), axes] = step
    targets = np.broadcast_to(y.astype(np.float64), (len(axes), len(y)))
    rise = engine.loss(z + moves, targets) - engine.loss(z - moves, targets)
    slopes: NDArray[np.float64] = rise / (2 * step)
    return slopes
