"""Choose an engine by measuring: the one that gives a gradient soonest, here, for this model.

An engine takes part if it can be made here and its gradients at the golden latents are those of the
bundle; how near they must be depends on the arithmetic.
"""

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.engines.base import Engine
from bitprior_runtime.engines.registry import EngineContext, EngineKind, candidates, check_wishes
from bitprior_runtime.errors import BitpriorError

# Seconds an engine is measured for, once it is warm; the median call counts.
BUDGET = 0.15
MIN_CALLS, MAX_CALLS = 3, 50
# Largest angle between an engine's gradients and the golden ones, as 1 - cosine. A low-precision
# gradient points where the exact one points, though not to the last digit.
MAX_DEVIATION = 5e-2


@dataclass(frozen=True)
class Measured:
    """What the probe found of one engine.

    Attributes:
        engine: Its name.
        kernel: Its kernels.
        gradient_us: Median microseconds of one batch's value and gradient; None if it is out.
        reason: Why it is out; empty if it is not.
    """

    engine: str
    kernel: str
    gradient_us: float | None
    reason: str = ""


@dataclass(frozen=True)
class Choice:
    """The engine that was chosen, and why.

    Attributes:
        engine: The engine, ready to use.
        rows: Batch size of the probe.
        measured: All engines that were looked at.
    """

    engine: Engine
    rows: int
    measured: tuple[Measured, ...]

    @property
    def name(self) -> str:
        """Engine and kernels."""
        return f"{self.engine.name}/{self.engine.kernel}"

    @property
    def reason(self) -> str:
        """One line: the times that were compared, and what could not take part."""
        timed = sorted(
            (row.gradient_us, f"{row.engine}/{row.kernel}")
            for row in self.measured
            if row.gradient_us is not None
        )
        times = ", ".join(f"{name} {microseconds:,.0f} us" for microseconds, name in timed)
        out = "; ".join(
            f"{row.engine}/{row.kernel} is out: {row.reason}" for row in self.measured if row.reason
        )
        return f"one gradient of {self.rows} rows: {times}" + (f" ({out})" if out else "")


def choose_engine(
    context: EngineContext, rows: int, engine: str = "auto", kernel: str = "auto"
) -> Choice:
    """Measure the engines that the names leave, and choose the fastest that works.

    Args:
        context: The model.
        rows: Rows a recovery will have: measurements times restarts.
        engine: Name of an engine, or ``auto`` for any.
        kernel: Name of kernels, or ``auto`` for any.

    Raises:
        UsageError: Unknown names.
        BitpriorError: No engine works; the error is that of the last one.
    """
    measured: list[Measured] = []
    best: tuple[float, Engine] | None = None
    failure: BitpriorError | None = None
    check_wishes(context)
    kinds = candidates(engine, kernel)
    for kind in kinds:
        try:
            made = kind.make(context)
        except BitpriorError as error:
            failure = error
            measured.append(Measured(kind.engine, kind.kernel, None, error.found))
            continue
        row = _measure(kind, made, context, rows)
        measured.append(row)
        if row.gradient_us is not None and (best is None or row.gradient_us < best[0]):
            best = (row.gradient_us, made)
    if best is None:
        raise failure or _nothing_agrees(measured)
    return Choice(best[1], rows, tuple(measured))


def _measure(kind: EngineKind, engine: Engine, context: EngineContext, rows: int) -> Measured:
    golden = context.bundle.golden
    _, gradient = engine.value_and_grad(golden.latents, golden.measurements)
    deviation = _deviation(gradient, golden.gradients)
    if not deviation <= MAX_DEVIATION:
        reason = f"its gradients turn away from the golden ones (1 - cosine {deviation:.1e})"
        return Measured(kind.engine, kind.kernel, None, reason)
    z, y = (_repeat(values, rows) for values in (golden.latents, golden.measurements))
    return Measured(kind.engine, kind.kernel, 1e6 * _median_seconds(engine, z, y))


def _median_seconds(engine: Engine, z: NDArray[np.float32], y: NDArray[np.float32]) -> float:
    engine.value_and_grad(z, y)  # caches warm, memory allocated
    seconds: list[float] = []
    while len(seconds) < MIN_CALLS or (sum(seconds) < BUDGET and len(seconds) < MAX_CALLS):
        begin = time.perf_counter()
        engine.value_and_grad(z, y)
        seconds.append(time.perf_counter() - begin)
    return float(np.median(seconds))


def _deviation(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Return the largest 1 - cosine between rows."""
    products = np.einsum("bk,bk->b", found, expected)
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    return float((1 - products / (lengths + 1e-30)).max())


def _repeat(values: NDArray[np.float32], rows: int) -> NDArray[np.float32]:
    return values[np.arange(rows) % len(values)]


def _nothing_agrees(measured: list[Measured]) -> BitpriorError:
    found = "; ".join(f"{row.engine}/{row.kernel}: {row.reason}" for row in measured)
    return BitpriorError(
        "an engine that gives the golden gradients",
        found,
        "run: bitprior verify, and bitprior doctor",
    )
