"""Whether more light raises the readings or lowers them: what patterns see is never negative."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.camera.evidence import Kernel
from bitprior_runtime.sensing.covariance import Covariance
from bitprior_runtime.sensing.operator import Operator

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

_SURE = 0.05  # of the variance


@dataclass(frozen=True)
class Polarity:
    """What readings say of the sign between light and reading.

    Attributes:
        shares: Share of the variance that a picture without negative pixels explains, for polarity
            1 and -1 of the readings as they are; None: the readings do not tell.
        sign: 1 or -1: which it is; 0: the readings do not tell.
    """

    shares: tuple[float, float] | None
    sign: int


def polarity_of(
    operator: Operator,
    patterns: Indices,
    kernel: Kernel,
    y: Floats,
    ratio: float,
    covariance: Covariance,
    offset: bool,
) -> Polarity:
    """Return the sign of the light.

    The linear estimate from all the readings, its negative pixels set to 0 for one sign and its
    positive ones for the other, is measured again: a picture of the wrong sign is left with
    nothing. Its level is what patterns say that see more or less of a flat picture; where these are
    none, or only tell an unknown offset, nothing is known.

    Args:
        operator: A.
        patterns: Which of its patterns, [M].
        kernel: Theirs.
        y: Readings of them, [M].
        ratio: Noise over signal in variance, as of :class:`Explained`.
        covariance: C.
        offset: Whether the readings have an unknown offset.
    """
    columns = _columns(kernel, offset)
    if not _telling(columns):
        return Polarity(None, 0)
    level, weights = _fitted(kernel, y, columns, ratio)
    units = np.zeros((1, operator.size), np.float32)
    units[0, patterns] = weights
    seen = covariance.applied(operator.adjoint(units)[:, 0].astype(np.float64))[0]
    picture = level + seen / kernel.scale
    spread = y - (y.mean() if offset else 0.0)
    shares = []
    for polarity in (1, -1):
        light = polarity * np.maximum(polarity * picture, 0)
        rest = y - operator.forward(light[np.newaxis, np.newaxis])[0, patterns].astype(np.float64)
        if offset:
            rest = rest - rest.mean()
        shares.append(1.0 - float(np.sum(rest**2) / max(np.sum(spread**2), 1e-300)))
    better = max(shares)
    sure = better > _SURE and better - max(min(shares), 0.0) > _SURE
    return Polarity((shares[0], shares[1]), (1 if shares[0] == better else -1) if sure else 0)


def _columns(kernel: Kernel, offset: bool) -> Floats:
    given = [kernel.flat] + ([np.ones(len(kernel.flat))] if offset else [])
    return np.stack(given, axis=1)


def _telling(columns: Floats) -> bool:
    """Return whether level and offset can be told apart."""
    lengths = np.linalg.norm(columns, axis=0)
    if not (lengths > 0).all():
        return False
    values = np.linalg.svd(columns / lengths, compute_uv=False)
    return bool(values[-1] > 1e-4 * values[0])


def _fitted(kernel: Kernel, y: Floats, columns: Floats, ratio: float) -> tuple[float, Floats]:
    """Return the level of the scene, and the weights of the patterns in the rest of it."""
    v = kernel.matrix / kernel.scale
    v[np.diag_indices_from(v)] += max(ratio, 1e-8)
    solved = np.linalg.solve(v, np.column_stack([columns, y]))
    gram = columns.T @ solved[:, :-1]
    beta = np.linalg.solve(gram, columns.T @ solved[:, -1])
    weights = solved[:, -1] - solved[:, :-1] @ beta
    return float(beta[0]), weights
