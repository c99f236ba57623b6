"""A learned search in memory, and as blocks: its programs, its schedule, its covariance.

One step is, with features f of the problem (1, log2 of the deviation that the measurements leave
open over that of a pixel, root share of the noise in the measurements' variance):

    d = ((adjoint f) P + (estimate f) K) (y - A G(z))
    v <- momentum v + step_size J_G^T d;  z <- z + v
    z <- z - shrinkage (strength f) K1^T (slope f) relu(K1 z + threshold f)

P and K are the linear estimates of :mod:`bitprior_runtime.sensing`, with a white covariance and
with that of photos; K1 is the program ``penalty``. At the end
x = G(z) + (correction f) K (y - A G(z)).
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.program import Program, Shape
from bitprior_runtime.sensing.covariance import Covariance

Floats = NDArray[np.float32]

FEATURES = 3
COVARIANCE = "search/covariance"
MOMENTUM = "search/momentum"
SLOPE = "search/slope"


@dataclass(frozen=True, eq=False)
class Schedule:
    """What each of T steps uses; C channels of the latent, P of the penalty, F features.

    Attributes:
        step_size: alpha, [T,C].
        momentum: beta, [T].
        adjoint: Weights of the pseudo-inverse of the residual, [T,F].
        estimate: Weights of the residual's linear estimate, [T,F].
        shrinkage: gamma, [T,C].
        strength: Its factor, [T,F].
        slope: s of the penalty, [T,P,F].
        threshold: b of the penalty, [T,P,F].
        correction: Weight of the linear estimate of the last residual, [F].
    """

    step_size: Floats
    momentum: Floats
    adjoint: Floats
    estimate: Floats
    shrinkage: Floats
    strength: Floats
    slope: Floats
    threshold: Floats
    correction: Floats

    @property
    def steps(self) -> int:
        """T."""
        return len(self.momentum)


@dataclass(frozen=True, eq=False)
class LearnedSearch:
    """All that a learned search needs besides the generator.

    Attributes:
        start: Program u -> z0: flat [estimate - mean; deviation], [2,H,W], to latent maps [C,h,w].
        penalty: Program z -> K1 z: the flat latent to maps [P,h,w].
        schedule: What each step uses.
        covariance: Of photos.
    """

    start: Program
    penalty: Program
    schedule: Schedule
    covariance: Covariance

    @property
    def stored_bytes(self) -> int:
        """Bytes of both programs' tensors, the schedule and the covariance, as stored."""
        tensors = [*self.start.tensors.values(), *self.penalty.tensors.values()]
        blocks = search_blocks(self.schedule, self.covariance).values()
        return sum(tensor.stored_bytes for tensor in tensors) + sum(b.nbytes for b in blocks)


def schedule_shapes(steps: int, channels: int, penalties: int) -> dict[str, Shape]:
    """Return the shapes of the schedule's blocks by name.

    Args:
        steps: T.
        channels: C of the latent.
        penalties: P of the penalty.
    """
    shapes: dict[str, Shape] = {
        "step_size": (steps, channels),
        "momentum": (steps,),
        "adjoint": (steps, FEATURES),
        "estimate": (steps, FEATURES),
        "shrinkage": (steps, channels),
        "strength": (steps, FEATURES),
        "slope": (steps, penalties, FEATURES),
        "threshold": (steps, penalties, FEATURES),
        "correction": (FEATURES,),
    }
    return {f"search/{name}": shape for name, shape in shapes.items()}


def search_blocks(schedule: Schedule, covariance: Covariance) -> dict[str, Floats]:
    """Return the values of the search's blocks by name."""
    found = {f"search/{item.name}": getattr(schedule, item.name) for item in fields(schedule)}
    return found | {COVARIANCE: covariance.table}


def search_from_blocks(
    start: Program, penalty: Program, mean: float, blocks: Mapping[str, NDArray[Any]]
) -> LearnedSearch:
    """Build a search from blocks whose types and shapes were already checked."""
    schedule = Schedule(**{item.name: blocks[f"search/{item.name}"] for item in fields(Schedule)})
    return LearnedSearch(start, penalty, schedule, Covariance(mean, blocks[COVARIANCE]))
