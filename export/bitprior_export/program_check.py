"""Check programs in the float engine: every node against qonnx, the gradient against slopes."""

from collections.abc import Mapping
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from bitprior_export.qonnx.comparison import CheckReport, Comparison
from bitprior_export.qonnx.execution import execute
from bitprior_export.qonnx.reader import Translation
from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.errors import CheckFailedError
from bitprior_runtime.program import Program

GRADIENT_TOLERANCE = 1e-4
# Latents of at most so many entries are checked entry by entry; larger ones along so many entries,
# and so many directions in which all entries move.
MAX_AXES = 256
LARGE_AXES, LARGE_DIRECTIONS = 24, 8
_SEED = 20240229
# At a kink of a LeakyReLU the slope between z - e and z + e is neither side's; hardly any kink
# is within both steps.
_STEPS = (1e-6, 1e-8)


class Tracer(Protocol):
    """What runs a program and tells all of its activations."""

    def trace(
        self, which: Literal["generator", "sensing"], value: NDArray[Any], /
    ) -> Mapping[str, NDArray[Any]]:
        """Return every activation of a program by name."""
        ...


def check_program(
    engine: Tracer,
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
    """Compare the gradient of f with central differences, in float64.

    Entry by entry; of latents with more than MAX_AXES entries a few, and the slopes along some
    directions in which all entries move, where an error in any shows.

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
        directions = _directions(len(latent), rng)
        slopes = [_slopes(engine, latent, measurement, directions, step) for step in _STEPS]
        exact = directions @ gradient
        difference = np.min([np.abs(slope - exact) for slope in slopes], axis=0).max()
        if not (largest > 0 and difference <= GRADIENT_TOLERANCE * largest):
            raise CheckFailedError(
                f"a gradient of f other than zero, equal to its central differences within "
                f"{GRADIENT_TOLERANCE:g} of its largest entry",
                f"a difference of {difference:.3g} with a largest entry of {largest:.3g}",
                "check the training: the latent must move the measurements",
            )
        worst = max(worst, float(difference / largest))
    return worst


def _directions(size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return unit vectors [D, size] along which the gradient is checked."""
    if size <= MAX_AXES:
        return np.eye(size)
    axes = np.zeros((LARGE_AXES, size))
    axes[np.arange(LARGE_AXES), rng.permutation(size)[:LARGE_AXES]] = 1.0
    every = rng.standard_normal((LARGE_DIRECTIONS, size))
    return np.concatenate([axes, every / np.linalg.norm(every, axis=1, keepdims=True)])


def _slopes(
    engine: FloatEngine,
    z: NDArray[Any],
    y: NDArray[Any],
    directions: NDArray[np.float64],
    step: float,
) -> NDArray[np.float64]:
    """Return (f(z + e) - f(z - e)) / 2 |e| for e = step * direction."""
    moves = step * directions
    targets = np.broadcast_to(y.astype(np.float64), (len(moves), len(y)))
    rise = engine.loss(z + moves, targets) - engine.loss(z - moves, targets)
    slopes: NDArray[np.float64] = rise / (2 * step)
    return slopes
