"""Run a benchmark: one process for each engine, batch size and thread count.

Two thread pools in one process stall each other, and memory is a property of a process.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from bitprior_runtime.bench.measure import BenchRow
from bitprior_runtime.errors import BitpriorError

_POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class BenchRequest:
    """What to measure: every combination.

    Attributes:
        model: The bundle.
        kinds: Engines with their kernels.
        batches: Batch sizes.
        threads: Thread counts.
    """

    model: Path
    kinds: tuple[tuple[str, str], ...]
    batches: tuple[int, ...]
    threads: tuple[int, ...]


@dataclass(frozen=True)
class Skipped:
    """An engine that could not run, and why."""

    engine: str
    kernel: str
    batch: int
    threads: int
    reason: str


def run_bench(request: BenchRequest) -> Iterator[BenchRow | Skipped]:
    """Measure every combination of a request, in turn.

    Raises:
        BitpriorError: A process died instead of reporting, e.g. of an illegal instruction.
    """
    for threads, batch, (engine, kernel) in product(
        request.threads, request.batches, request.kinds
    ):
        yield _measure_apart(request.model, engine, kernel, batch, threads)


def _measure_apart(
    model: Path, engine: str, kernel: str, batch: int, threads: int
) -> BenchRow | Skipped:
    job = {"model": str(model), "engine": engine, "kernel": kernel}
    job |= {"batch": str(batch), "threads": str(threads)}
    done = subprocess.run(
        [sys.executable, "-m", "bitprior_runtime.bench.worker", json.dumps(job)],
        capture_output=True,
        text=True,
        env={**os.environ, **dict.fromkeys(_POOLS, str(threads))},
        check=False,
    )
    result = _parse(done)
    if "skipped" in result:
        return Skipped(engine, kernel, batch, threads, result["skipped"])
    return BenchRow(**result)


def _parse(done: "subprocess.CompletedProcess[str]") -> Mapping[str, Any]:
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise BitpriorError(
            "a benchmark process to end with a result",
            f"exit status {done.returncode}: {last[0]}",
            "run bitprior doctor: an engine may not fit this machine",
        )
    result: Mapping[str, Any] = json.loads(done.stdout)
    return result
