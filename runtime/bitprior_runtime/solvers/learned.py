"""The learned search: steps on a latent whose sizes, momenta and thresholds were trained.

The steps are those of :mod:`bitprior_runtime.bundle.search`. They begin at a learned z0, not at
random latents, and end with a correction of the image by what its residual says. Fewer steps than
were trained are the first ones. After the trained ones come monotone steps that only lower the
loss: see :class:`_Monotone`.
"""

import time
from dataclasses import dataclass, replace

import numpy as np

from bitprior_runtime.bundle.search import Schedule
from bitprior_runtime.sensing.operator import FloatArray
from bitprior_runtime.solvers.running import check_limits
from bitprior_runtime.solvers.searching import Linear, SearchedPrior, Searching
from bitprior_runtime.solvers.solution import Array, Counts, Progress

# Rows of one batch keep at most so many bytes of latents and maps together.
MAX_STATE_BYTES = 2**28
# Latents of its size that a row keeps: z, z0, the momentum, and activations of the networks.
_LATENTS = 12
# After the trained steps: the loss relative to theirs at which nothing more is to be won, and the
# multiple of the noise's own share of the loss below which noise would be fitted. Both are chosen
# on validation photos.
_ENOUGH = 1e-2
_NOISE = 2.0
_REJECTIONS = 3
# Multiple of the loss at the start above which the trained steps are taken back: a schedule may
# diverge with operators unlike those it was trained with. Chosen on photos of the training set.
_WORSE = 2.0


@dataclass(frozen=True)
class LearnedOptions:
    """Settings of the learned search.

    Attributes:
        steps: Most steps; None: as many as were trained. A bundle's default may be more.
        tolerance: A monotone step ends a row if it lowers the loss by at most this share of it.
        max_seconds: Wall time after which no further step begins, s.
    """

    steps: int | None = None
    tolerance: float = 0.0
    max_seconds: float | None = None

    def __post_init__(self) -> None:
        check_limits(_Limits(1 if self.steps is None else self.steps, self.tolerance,
                             self.max_seconds))  # fmt: skip


@dataclass(frozen=True)
class _Limits:
    steps: int
    tolerance: float
    max_seconds: float | None


@dataclass(frozen=True, eq=False)
class LearnedSolution:
    """End of a learned search.

    Attributes:
        image: The recovered images, corrected, float32 [B,1,H,W] in [0,1].
        start: G(z0), in [0,1].
        latent: Last latents [B,k].
        loss: ||y - A G(latent)||^2, before the correction, [B].
        history: That loss before each step and at the end, [longest + 1, B]; the last value is
            repeated where a row stopped earlier.
        steps: Steps each row took, [B].
        evaluations: How often G was evaluated for each row, alone or with a gradient, [B].
    """

    image: Array
    start: Array
    latent: Array
    loss: Array
    history: Array
    steps: Counts
    evaluations: Counts


def learned(
    prior: SearchedPrior,
    schedule: Schedule,
    mean: float,
    linear: Linear,
    y: FloatArray,
    options: LearnedOptions,
    progress: Progress | None = None,
) -> LearnedSolution:
    """Recover images by the learned search.

    Args:
        prior: G and the search's networks, on the operator's frame.
        schedule: What each step uses.
        mean: Of the pixels.
        linear: Gains of the operator.
        y: Measurements [B,m], already checked.
        options: Steps and when to end.
        progress: Called with (step, steps) after each step.
    """
    begin = time.perf_counter()
    rows = max(1, MAX_STATE_BYTES // (4 * _LATENTS * prior.latent))
    firsts = range(0, len(y), rows)
    parts = []
    for index, first in enumerate(firsts):
        searching = Searching(prior, schedule, mean, linear, y[first : first + rows])
        left = None
        if options.max_seconds is not None:
            spent = time.perf_counter() - begin
            left = max(options.max_seconds - spent, 1e-9) / (len(firsts) - index)
        shifted = _shifted(progress, index, len(firsts))
        parts.append(_search(searching, replace(options, max_seconds=left), shifted))
    longest = max(len(part.history) for part in parts)
    histories = [
        np.pad(part.history, ((0, longest - len(part.history)), (0, 0)), mode="edge")
        for part in parts
    ]
    return LearnedSolution(
        image=np.concatenate([part.image for part in parts]),
        start=np.concatenate([part.start for part in parts]),
        latent=np.concatenate([part.latent for part in parts]),
        loss=np.concatenate([part.loss for part in parts]),
        history=np.concatenate(histories, axis=1),
        steps=np.concatenate([part.steps for part in parts]),
        evaluations=np.concatenate([part.evaluations for part in parts]),
    )


def _shifted(progress: Progress | None, index: int, parts: int) -> Progress | None:
    if progress is None:
        return None
    return lambda step, steps: progress(index * steps + step, parts * steps)


def _search(
    searching: Searching, options: LearnedOptions, progress: Progress | None
) -> LearnedSolution:
    begin = time.perf_counter()
    trained = searching.trained
    steps = trained if options.steps is None else options.steps
    z0 = z = searching.start()
    v = np.zeros_like(z)
    image, residual, f = searching.drawn(z)
    start, history, taken = np.clip(image, 0, 1), [f], 0
    # A row that overflows is seen by its loss, and begins anew.
    with np.errstate(over="ignore", invalid="ignore"):
        while taken < min(steps, trained) and not (taken and _over(begin, options)):
            step = searching.step_of(taken)
            v = step.momentum * v + searching.pulled(z, residual, step)
            z = z + v
            z = z - searching.shrunk(z, step)
            image, residual, f = searching.drawn(z)
            history.append(f)
            taken += 1
            if progress is not None:
                progress(taken, steps)
        lost = ~(f <= searching.without_photo)
        lost |= (f > _WORSE * history[0]) & (f > _NOISE * searching.noise_loss)
    if lost.any():
        z = np.where(lost[:, np.newaxis], z0, z)
        image, residual, f = searching.drawn(z)
        history[-1] = f
    counts = np.full(len(z), taken, dtype=np.int64)
    evaluations = 2 * counts + 1 + int(lost.any())
    if steps > taken >= trained and not _over(begin, options):
        monotone = _Monotone(searching, z, f, options.tolerance)
        while taken < steps and monotone.running.size and not _over(begin, options):
            counts[monotone.running] += 1
            evaluations[monotone.running] += 3
            history.append(monotone.step())
            taken += 1
            if progress is not None:
                progress(taken, steps)
        z = monotone.z
        image, residual, f = searching.drawn(z)
        evaluations += 1
        history[-1] = f
    return LearnedSolution(
        image=searching.corrected(image, residual),
        start=start,
        latent=z,
        loss=f,
        history=np.stack(history),
        steps=counts,
        evaluations=evaluations,
    )


def _over(begin: float, options: LearnedOptions) -> bool:
    return options.max_seconds is not None and time.perf_counter() - begin >= options.max_seconds


class _Monotone:
    """FISTA with the last trained step's gradient, taken only while the loss falls.

    The monotone form of Beck and Teboulle (2009): a step that does not lower the loss is not
    taken, the momentum begins anew and the step is halved; after three of them in a row the row
    ends. So does a row whose loss is 1 % of that after the trained steps, or that would come below
    twice the loss that the noise alone has: from there on it would fit the noise.

    Args:
        searching: The problem.
        z: Latents after the trained steps, [B,k].
        f: Their loss, [B].
        tolerance: Ends a row at a smaller relative change.

    Attributes:
        z: Latents, [B,k].
        running: Indices of the rows that still run.
    """

    def __init__(self, searching: Searching, z: Array, f: Array, tolerance: float) -> None:
        self._searching, self._tolerance = searching, tolerance
        self._step = searching.step_of(searching.trained)
        self.z, self._f, self._ahead = z.copy(), f.copy(), z.copy()
        self._theta, self._scale = np.ones(len(z), np.float32), np.ones(len(z), np.float32)
        self._rejected = np.zeros(len(z), dtype=np.int64)
        self._least = np.maximum(_ENOUGH * f, _NOISE * searching.noise_loss).astype(f.dtype)
        self.running = np.flatnonzero(f > self._least)

    def step(self) -> Array:
        """Try a step of every running row and return the losses of all, [B]."""
        rows, searching = self.running, self._searching
        z, ahead, f, theta = self.z[rows], self._ahead[rows], self._f[rows], self._theta[rows]
        _, residual, _ = searching.drawn(ahead, rows)
        pulled = searching.pulled(ahead, residual, self._step)
        tried = ahead + self._scale[rows, np.newaxis] * pulled
        _, _, value = searching.drawn(tried, rows)
        fell = (value < f) & (value >= _NOISE * searching.noise_loss)
        grown = (1 + np.sqrt(1 + 4 * theta * theta)) / 2
        after = np.where(fell[:, np.newaxis], tried, z)
        onward = after + ((theta - 1) / grown)[:, np.newaxis] * (after - z)
        self.z[rows] = after
        self._ahead[rows] = np.where(fell[:, np.newaxis], onward, z)
        self._f[rows] = np.where(fell, value, f)
        self._theta[rows] = np.where(fell, grown, 1)
        self._scale[rows] *= np.where(fell, np.float32(1), np.float32(0.5))
        self._rejected[rows] = np.where(fell, 0, self._rejected[rows] + 1)
        settled = fell & (f - value <= self._tolerance * f) & (self._tolerance > 0)
        ended = (
            settled | (self._rejected[rows] >= _REJECTIONS) | (self._f[rows] <= self._least[rows])
        )
        self.running = rows[~ended]
        return self._f.copy()
