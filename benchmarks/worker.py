"""One rival in a process of its own: time gradients of a bundle and print JSON.

python benchmarks/worker.py '{"rival": "torch eager", "bundle": ..., "batch": 1, "threads": 1}'
"""

import json
import statistics
import sys
import time

import numpy as np

from bitprior_runtime.bench.measure import peak_rss_mb

SECONDS, LEAST = 1.0, 30


def make(rival, bundle, threads):
    """Return value_and_grad of a rival."""
    import torch
    from torch_program import torch_gradient

    torch.set_num_threads(threads)
    return torch_gradient(bundle, compiled=rival == "torch.compile")


def main(job):
    """Time the job and print its row."""
    if job["rival"] == "roofline":
        from roofline import peaks

        print(json.dumps(peaks()))
        return
    from bitprior_runtime.bundle import read_bundle

    bundle = read_bundle(job["bundle"])
    rows = np.arange(job["batch"]) % len(bundle.golden.latents)
    z, y = bundle.golden.latents[rows], bundle.golden.measurements[rows]
    value_and_grad = make(job["rival"], bundle, job["threads"])
    for _ in range(5):
        _, gradient = value_and_grad(z, y)
    error = np.abs(gradient - bundle.golden.gradients[rows]).max()
    assert error <= 1e-3 * np.abs(bundle.golden.gradients).max(), error
    times = []
    while len(times) < LEAST or sum(times) < SECONDS:
        begin = time.perf_counter()
        value_and_grad(z, y)
        times.append(time.perf_counter() - begin)
    row = {
        "engine": job["rival"],
        "kernel": "torch",
        "batch": job["batch"],
        "threads": job["threads"],
        "gradient_us": 1e6 * statistics.median(times),
        "peak_rss_mb": peak_rss_mb(),
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
