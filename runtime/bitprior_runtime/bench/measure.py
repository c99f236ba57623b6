"""Time one engine in this process: gradients, whole recoveries, memory, energy; and the board."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bitprior_runtime.board.energy import EnergyMeter, find_rails
from bitprior_runtime.board.state import read_state, why_invalid
from bitprior_runtime.info import stored_bytes
from bitprior_runtime.model import Model
from bitprior_runtime.summary import summarise, total

WARM_UP = 5
# At least this many runs, and until the budget is used up.
MIN_GRADIENTS, GRADIENT_SECONDS = 30, 1.0
MIN_RECOVERIES, RECOVERY_SECONDS = 30, 1.0


@dataclass(frozen=True)
class BenchRow:
    """One engine at one batch size and thread count; times are medians.

    Attributes:
        engine: Name of the arithmetic.
        kernel: Name of the kernels that ran.
        batch: Rows of the batch.
        threads: Threads the engine could use.
        gradient_us: Microseconds of one value and gradient of the batch.
        gradient_us_p10: Tenth percentile of the same.
        gradient_us_p90: Ninetieth percentile.
        gradients: How many were timed.
        recovery_ms: Milliseconds of one whole recovery of the batch with the bundle's solver.
        recovery_ms_p10: Tenth percentile of the same.
        recovery_ms_p90: Ninetieth percentile.
        recoveries: How many were timed.
        steps: Steps of that recovery.
        peak_rss_mb: Largest resident memory of the process so far, MB.
        macs: Multiply-adds of one gradient of one row, forward and adjoint.
        weight_bytes: Bytes of the weights that one gradient reads, both ways: as the engine holds
            them in memory where it says so, else as the bundle stores them.
        before: State of the board before the first run; see BoardState.
        after: State of the board after the last.
        invalid: Why the times do not count (the board was throttled); empty if they do.
        energy: Watts and joules of one recovery by supply rail, with their source; None where
            the board has no meter.
        provider: Execution provider of the onnx engine; None for the others.
    """

    engine: str
    kernel: str
    batch: int
    threads: int
    gradient_us: float
    gradient_us_p10: float
    gradient_us_p90: float
    gradients: int
    recovery_ms: float
    recovery_ms_p10: float
    recovery_ms_p90: float
    recoveries: int
    steps: int
    peak_rss_mb: float
    macs: int
    weight_bytes: int
    before: dict[str, Any]
    after: dict[str, Any]
    invalid: str
    energy: dict[str, Any] | None
    provider: str | None = None

    def as_json(self) -> dict[str, object]:
        """Return the row, ready for JSON."""
        return asdict(self)


def measure(model: Model, engine: str, kernel: str, batch: int, threads: int) -> BenchRow:
    """Time one engine of a model on its golden cases, repeated to the batch size.

    Raises:
        BitpriorError: The engine cannot run here.
    """
    golden = model.bundle.golden
    rows = np.arange(batch) % len(golden.latents)
    z, y = golden.latents[rows], golden.measurements[rows]
    subject = model.engine(engine, kernel, threads)
    before = read_state()
    gradients = _times(lambda: subject.value_and_grad(z, y), MIN_GRADIENTS, GRADIENT_SECONDS)
    with EnergyMeter(find_rails()) as meter:
        recoveries = _times(
            lambda: model.recover(y, engine=subject.name, kernel=subject.kernel, threads=threads),
            MIN_RECOVERIES,
            RECOVERY_SECONDS,
        )
    after = read_state()
    bundle = model.bundle
    stored = stored_bytes(bundle.generator) + stored_bytes(bundle.sensing)
    macs = total(summarise(bundle.generator, bundle.sensing), "model").macs
    return BenchRow(
        engine=subject.name,
        kernel=subject.kernel,
        batch=batch,
        threads=threads,
        gradient_us=1e6 * float(np.median(gradients)),
        gradient_us_p10=1e6 * float(np.percentile(gradients, 10)),
        gradient_us_p90=1e6 * float(np.percentile(gradients, 90)),
        gradients=len(gradients),
        recovery_ms=1e3 * float(np.median(recoveries)),
        recovery_ms_p10=1e3 * float(np.percentile(recoveries, 10)),
        recovery_ms_p90=1e3 * float(np.percentile(recoveries, 90)),
        recoveries=len(recoveries),
        steps=bundle.manifest.solver.steps,
        peak_rss_mb=peak_rss_mb(),
        macs=2 * macs,
        weight_bytes=2 * int(getattr(subject, "weight_bytes", stored)),
        before=asdict(before),
        after=asdict(after),
        invalid=why_invalid(before, after),
        energy=meter.per_run(len(recoveries) + WARM_UP),
        provider=getattr(subject, "provider", None),
    )


def peak_rss_mb() -> float:
    """Return the largest resident memory this process has had, MB.

    Linux keeps it as VmHWM; getrusage would count what the parent had before it ran us.
    """
    with open("/proc/self/status") as file:
        sizes = [line.split()[1] for line in file if line.startswith("VmHWM:")]
    return int(sizes[0]) * 1024 / 1e6


def _times(call: Callable[[], object], least: int, budget: float) -> list[float]:
    """Return seconds of each of at least ``least`` calls, warm, for about ``budget`` seconds."""
    for _ in range(min(WARM_UP, least)):
        call()
    seconds: list[float] = []
    while len(seconds) < least or sum(seconds) < budget:
        begin = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - begin)
    return seconds
