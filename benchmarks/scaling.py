"""Is a recovery's cost linear in the batch and in the steps? And does memory stay flat?

    python benchmarks/scaling.py MODEL [--engine float] [--recoveries 10000]

Prints JSON: for each of batch and steps the times, the fitted line and its R^2; and the resident
memory before and after many recoveries.
"""

import argparse
import json
import time

import numpy as np

from bitprior_runtime import load

BATCHES, STEPS = (8, 16, 32, 64, 128), (25, 50, 100, 200, 400)
REPEATS = 7


def resident():
    """Return the resident memory of this process, MiB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 2**20


def seconds(call):
    """Return the shortest of several calls: what the machine can do, without its other work."""
    call()
    times = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return min(times)


def line(sizes, times):
    """Fit times = fixed + each * size; return both and R^2."""
    each, fixed = np.polyfit(sizes, times, 1)
    rest = np.asarray(times) - (fixed + each * np.asarray(sizes))
    share = 1 - rest.var() / np.var(times)
    return {"sizes": sizes, "ms": [1e3 * t for t in times], "fixed_ms": 1e3 * fixed,
            "each_ms": 1e3 * each, "r2": float(share)}  # fmt: skip


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--engine", default="float")
    parser.add_argument("--recoveries", type=int, default=10000)
    options = parser.parse_args()
    model = load(options.model)
    measurements = model.bundle.golden.measurements
    settings = {"engine": options.engine, "threads": 1}

    def batch(size):
        y = measurements[np.arange(size) % len(measurements)]
        return lambda: model.recover(y, **settings)

    by_batch = line(BATCHES, [seconds(batch(size)) for size in BATCHES])
    one = measurements[:1]
    by_steps = line(
        STEPS, [seconds(lambda s=s: model.recover(one, steps=s, **settings)) for s in STEPS]
    )
    before = resident()
    for _ in range(options.recoveries):
        model.recover(one, steps=2, **settings)
    growth = resident() - before
    memory = {"recoveries": options.recoveries, "before_mib": before, "growth_mib": growth}
    result = {"engine": options.engine, "batch": by_batch, "steps": by_steps, "memory": memory}
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
