"""From measurements to images: restarts, batches, and the choice of the best restart."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.bundle.limits import MAX_INTEGER, MAX_RESTARTS
from bitprior_runtime.engines.base import Engine
from bitprior_runtime.errors import CheckFailedError
from bitprior_runtime.sensing.exact_estimate import loss_in_order
from bitprior_runtime.solvers import Progress, Solution
from bitprior_runtime.solvers.choice import MAX_ROWS
from bitprior_runtime.solvers.latents import InitialLatent, draw_latents, streams_of
from bitprior_runtime.solvers.solution import Array, Counts, check_whole

FloatArray: TypeAlias = NDArray[np.float32]
# (measurements [R,m], start latents [R,k], seconds it may take or None, progress)
Solve: TypeAlias = Callable[[FloatArray, FloatArray, float | None, Progress | None], Solution]


@dataclass(frozen=True, eq=False)
class Recovery:
    """What a recovery found.

    Attributes:
        image: G(latent), float32 [B,C,H,W] in [0,1]; of the learned search with its correction.
        latent: float32 [B,k].
        loss: f(latent) = ||y - A(G(latent))||^2, [B].
        history: f before each step and at the end, of the restart that won, [longest + 1, B]; the
            last value is repeated where a row stopped earlier.
        steps: Steps the restart that won took, [B].
        evaluations: How often the networks were evaluated for each measurement, by all restarts
            together, [B].
        engine: Name of the engine that ran.
        kernel: Name of the kernel that ran.
        solver: Name of the solver.
        seconds: Wall time of the whole call.
        provider: Execution provider that ran, of the onnx engine; None for the others.
        start: G(z0), where the learned search began, as ``image``; None of the other solvers.
    """

    image: FloatArray
    latent: FloatArray
    loss: FloatArray
    history: FloatArray
    steps: Counts
    evaluations: Counts
    engine: str
    kernel: str
    solver: str
    seconds: float
    provider: str | None = None
    start: FloatArray | None = None


@dataclass(frozen=True)
class Restarts:
    """Where the latents start.

    Attributes:
        count: Restarts per measurement; the lowest measurement loss wins, never the truth.
        seed: Seed of the start latents.
        kind: Distribution of the start latents.
        latent: Start latents of the first restart, [B,k]; None: drawn as the others.
        first: Number of the first of them: each is the same whatever the others.
        mirrored: Whether every restart also starts at -z0, as phase retrieval wants it: near a
            negative multiple of the true latent its loss has a stationary point.
    """

    count: int
    seed: int
    kind: InitialLatent
    latent: FloatArray | None = None
    mirrored: bool = False
    first: int = 0

    @property
    def starts(self) -> int:
        """Start latents per measurement."""
        return 2 * self.count if self.mirrored else self.count

    def groups(self, most: int) -> list["Restarts"]:
        """Return the same restarts in groups of at most ``most`` starts, or of one restart."""
        each = max(1, most // (2 if self.mirrored else 1))
        return [
            replace(
                self,
                first=self.first + begin,
                count=min(each, self.count - begin),
                latent=self.latent if begin == 0 else None,
            )
            for begin in range(0, self.count, each)
        ]

    def drawn(self, size: int, y: FloatArray, rows: int) -> Iterator[FloatArray]:
        """Yield the start latents of measurements y, ``rows`` at a time: [starts, rows, size].

        Only what is yielded is in memory.
        """
        streams = streams_of(self.seed, self.first, self.count)
        for begin in range(0, len(y), rows):
            part = y[begin : begin + rows]
            z0 = draw_latents(streams, len(part), size, self.kind, part)
            if self.latent is not None:
                z0[0] = self.latent[begin : begin + rows]
            yield np.concatenate([z0, -z0]) if self.mirrored else z0


def check_starts(restarts: int, seed: int) -> None:
    """Check how many starts there are, and their seed.

    Raises:
        UsageError: Not whole numbers, or out of range.
    """
    check_whole("restarts", restarts, 1, MAX_RESTARTS)
    check_whole("seed", seed, 0, MAX_INTEGER)


def finite(name: str, values: FloatArray) -> FloatArray:
    """Return values if all of them are finite.

    Raises:
        CheckFailedError: NaN or infinity among them.
    """
    rows = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
    if rows.any():
        raise CheckFailedError(
            f"finite {name}",
            f"NaN or infinity in {np.count_nonzero(rows)} of {len(values)} rows",
            "check the measurements and step_size; float32 ends at 3.4e38",
        )
    return values


def recover(
    engine: Engine,
    solver: str,
    solve: Solve,
    y: FloatArray,
    latent_size: int,
    restarts: Restarts,
    *,
    max_rows: int = MAX_ROWS,
    max_seconds: float | None = None,
    progress: Progress | None = None,
) -> Recovery:
    """Recover images from measurements y [B,m]; see :class:`Recovery`.

    Args:
        engine: The arithmetic.
        solver: The solver's name, for the record.
        solve: Runs the solver on some rows.
        y: Measurements [B,m], already checked.
        latent_size: k.
        restarts: How many starts, and from where.
        max_rows: Most rows in one batch; the restarts of a measurement stay together, unless they
            are more.
        max_seconds: Wall time of all batches together, s; each gets its share of what is left.
            Restarts beyond ``max_rows`` are begun only while there is time.
        progress: Called with (step, steps) over all batches.
    """
    begin = time.perf_counter()
    groups = restarts.groups(max_rows)
    rows = max(1, max_rows // groups[0].starts)
    parts = range(0, len(y), rows)
    best: list[Solution] = []
    for turn, group in enumerate(groups):
        if turn > 0 and max_seconds is not None and time.perf_counter() - begin >= max_seconds:
            break  # every measurement has its first restarts; there is no time for more
        for index, z0 in enumerate(group.drawn(latent_size, y, rows)):
            left = None if max_seconds is None else max_seconds - (time.perf_counter() - begin)
            if turn > 0 and left is not None and left <= 0:
                break
            seconds = None if left is None else max(left, 1e-9) / (len(parts) - index)
            shifted = _shifted(progress, turn * len(parts) + index, len(groups) * len(parts))
            part = y[parts[index] : parts[index] + rows]
            found = _best_of(solve, part, z0, seconds, shifted)
            if turn == 0:
                best.append(found)
            else:
                best[index] = _better(best[index], found)
    latent = np.concatenate([part.latent for part in best])
    image = np.concatenate(
        [engine.generate(latent[start : start + max_rows]) for start in range(0, len(y), max_rows)]
    )
    longest = max(len(part.history) for part in best)
    loss = np.concatenate([part.loss for part in best])
    beyond = beyond_range(engine, y)
    if beyond.any():
        # The search saw them at the end of the range; what is reported is of y itself.
        sensed = engine.sense(image[beyond])
        loss[beyond] = loss_in_order(sensed.astype(np.float64) - y[beyond])
    finite("losses", loss)
    finite("latents", latent)
    return Recovery(
        image=np.clip(finite("images", image), 0, 1),
        latent=latent,
        loss=loss,
        history=np.concatenate([_lengthened(part.history, longest) for part in best], axis=1),
        steps=np.concatenate([part.steps for part in best]),
        evaluations=np.concatenate([part.evaluations for part in best]),
        engine=engine.name,
        kernel=engine.kernel,
        solver=solver,
        seconds=time.perf_counter() - begin,
        provider=getattr(engine, "provider", None),
    )


def beyond_range(engine: Engine, y: FloatArray) -> NDArray[np.bool_]:
    """Return which measurements leave the range that an integer engine has codes for, [B].

    Args:
        engine: The arithmetic; float engines have no such range.
        y: Measurements [B,m].
    """
    plan = getattr(engine, "plan", None)
    if plan is None:
        return np.zeros(len(y), bool)
    tensor = plan.sensing.tensors[plan.sensing.target]
    found: NDArray[np.bool_] = (np.abs(y) > tensor.limit * tensor.step).any(axis=1)
    return found


def _better(first: Solution, further: Solution) -> Solution:
    """Return, for each measurement, the solution of lower loss; both counted."""
    taken = (further.loss < first.loss) | np.isnan(first.loss)
    longest = max(len(first.history), len(further.history))
    histories = (_lengthened(one.history, longest) for one in (further, first))
    return Solution(
        latent=np.where(taken[:, np.newaxis], further.latent, first.latent),
        loss=np.where(taken, further.loss, first.loss),
        history=np.where(taken, *histories),
        steps=np.where(taken, further.steps, first.steps),
        evaluations=first.evaluations + further.evaluations,
    )


def _best_of(
    solve: Solve, y: FloatArray, z0: FloatArray, seconds: float | None, progress: Progress | None
) -> Solution:
    """Run all restarts as rows of one batch and keep the lowest loss of each measurement."""
    count, rows, size = z0.shape
    solution = solve(np.tile(y, (count, 1)), z0.reshape(count * rows, size), seconds, progress)
    loss = solution.loss.reshape(count, rows)
    # A restart that ended in NaN must not win: NaN compares as smallest in argmin.
    best = np.where(np.isnan(loss), np.inf, loss).argmin(axis=0)
    row = np.arange(rows)
    return Solution(
        latent=solution.latent.reshape(count, rows, size)[best, row],
        loss=loss[best, row],
        history=solution.history.reshape(-1, count, rows)[:, best, row],
        steps=solution.steps.reshape(count, rows)[best, row],
        evaluations=solution.evaluations.reshape(count, rows).sum(axis=0),
    )


def _lengthened(history: Array, length: int) -> Array:
    return np.pad(history, ((0, length - len(history)), (0, 0)), mode="edge")


def _shifted(progress: Progress | None, index: int, parts: int) -> Progress | None:
    if progress is None:
        return None
    return lambda step, steps: progress(index * steps + step, parts * steps)
