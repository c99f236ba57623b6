"""How a generator's weights are spread: over the levels of a quantiser, or over bins."""

from typing import Any

import numpy as np

from bitprior_runtime.program import Program
from bitprior_runtime.tensors import QuantisedTensor

BINS = 41
REACH = 4.0  # standard deviations that the bins cover to each side


def weight_histogram(generator: Program) -> dict[str, Any]:
    """Return the shares of a generator's weights, all layers together.

    Args:
        generator: G.

    Returns:
        ``unit``: ``level``, the integers q of the grid, or ``deviation``, bins of w divided by the
        standard deviation of its layer, for float weights; ``at``: levels or bin centres; ``share``
        of the weights there.
    """
    quantised = [t for t in generator.tensors.values() if isinstance(t, QuantisedTensor)]
    if quantised:
        values = np.concatenate([tensor.integers().ravel() for tensor in quantised])
        at, counts = np.unique(values, return_counts=True)
        return _shares("level", at, counts)
    weights = [t.values() for t in generator.tensors.values() if len(t.shape) > 1]
    scaled = np.concatenate([(w / w.std()).ravel() for w in weights])
    counts, edges = np.histogram(np.clip(scaled, -REACH, REACH), BINS, (-REACH, REACH))
    return _shares("deviation", (edges[:-1] + edges[1:]) / 2, counts)


def _shares(unit: str, at: Any, counts: Any) -> dict[str, Any]:
    share = counts / counts.sum()
    return {
        "unit": unit,
        "at": [round(float(x), 3) for x in at],
        "share": [round(float(x), 6) for x in share],
    }
