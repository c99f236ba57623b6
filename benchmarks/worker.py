"""One measurement in a process of its own: print it, or why it cannot be had, as JSON.

python benchmarks/worker.py '{"engine": "torch eager", "bundle": ..., "batch": 1, "threads": 1}'
"""

import json
import statistics
import sys

import numpy as np
import rivals
import roofline
from clocks import time_calls

from bitprior_runtime.bench.measure import peak_rss_mb
from bitprior_runtime.errors import BitpriorError
from bitprior_runtime.model import load

WARM_UP = 3
# float32, of the largest entry of the gradient. The integer engine rounds: its gradient must point
# the same way, in every row; that its bits are right is for the tests of the engine.
TOLERANCE, COSINE = 1e-3, 0.95


def check(gradient, expected, engine):
    """Refuse to time what is not the gradient."""
    if engine == "integer":
        lengths = np.linalg.norm(gradient, axis=1) * np.linalg.norm(expected, axis=1)
        cosine = float(((gradient * expected).sum(1) / lengths).min())
        if not cosine >= COSINE:
            raise ValueError(f"a gradient has the cosine {cosine:.2f}, below {COSINE}")
        return
    error = float(np.abs(gradient - expected).max() / np.abs(expected).max())
    if not error <= TOLERANCE:
        raise ValueError(f"the gradient is off by {error:.2g} of its largest entry")


def timed(job):
    """Return the row of a job."""
    golden = load(job["bundle"]).bundle.golden
    rows = np.arange(job["batch"]) % len(golden.latents)
    z, y = golden.latents[rows], golden.measurements[rows]
    value_and_grad, work = rivals.make(job)
    for _ in range(WARM_UP):
        _, gradient = value_and_grad(z, y)
    check(gradient, golden.gradients[rows], job["engine"])
    seconds, waited = time_calls(lambda: value_and_grad(z, y), job["threads"])
    return {
        "gradient_us": 1e6 * statistics.median(seconds),
        "waited": waited,
        "peak_rss_mb": peak_rss_mb(),
        "work": work,
    }


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
