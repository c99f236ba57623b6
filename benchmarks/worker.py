"""One measurement in a process of its own: print it, or why it cannot be had, as JSON.

python benchmarks/worker.py '{"engine": "torch eager", "bundle": ..., "batch": 1, "threads": 1}'
"""

import json
import statistics
import sys
import time

import numpy as np
import rivals
import roofline

from bitprior_runtime.bench.measure import peak_rss_mb
from bitprior_runtime.errors import BitpriorError
from bitprior_runtime.model import load

WARM_UP, LEAST, SECONDS = 3, 10, 0.6
# Of the largest entry of the gradient: the integer engine rounds, all others are float32.
TOLERANCES = {"integer": 0.2}
TOLERANCE = 1e-3


def check(gradient, expected, engine):
    """Refuse to time what is not the gradient."""
    error = float(np.abs(gradient - expected).max() / np.abs(expected).max())
    limit = TOLERANCES.get(engine, TOLERANCE)
    if not error <= limit:
        raise ValueError(f"the gradient is off by {error:.2g} of its largest entry, over {limit}")


def timed(job):
    """Return the row of a job."""
    golden = load(job["bundle"]).bundle.golden
    rows = np.arange(job["batch"]) % len(golden.latents)
    z, y = golden.latents[rows], golden.measurements[rows]
    value_and_grad, work = rivals.make(job)
    for _ in range(WARM_UP):
        _, gradient = value_and_grad(z, y)
    check(gradient, golden.gradients[rows], job["engine"])
    times = []
    while len(times) < LEAST or sum(times) < SECONDS:
        begin = time.perf_counter()
        value_and_grad(z, y)
        times.append(time.perf_counter() - begin)
    microseconds = 1e6 * statistics.median(times)
    return {"gradient_us": microseconds, "peak_rss_mb": peak_rss_mb(), "work": work}


def main(job):
    """Do a job."""
    try:
        if job["engine"] == "roofline":
            result = roofline.measure(job["threads"]).as_json()
        elif job["engine"] == "prepare-training":
            result = rivals.prepare_training(job["bundle"], job["batch"])
        else:
            result = timed(job)
    except (BitpriorError, ImportError, OSError, ValueError) as error:
        result = {"skipped": str(error).strip().partition("\n")[0]}
    print(json.dumps(result))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
