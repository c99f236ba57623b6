"""Time one contender of photo_speed.py; prints JSON.

python benchmarks/photo_speed_worker.py '{"kind": "torch", "frame": [99, 99], "m": 9, "seed": 0}'
"""

import json
import os
import statistics
import sys

import numpy as np
from clocks import processor_times

from bitprior_runtime import load
from bitprior_runtime.sensing.text import parse_operator


def pin():
    """Stay on one core, the last one of those allowed: the first is the busiest."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def photo(frame):
    """Return a smooth image [1,1,H,W] in [0,1]; times do not hang on what it shows."""
    y, x = np.indices(frame)
    image = 0.5 + 0.25 * np.sin(y / 17.0) + 0.25 * np.cos(x / 11.0 + y / 23.0)
    return image[np.newaxis, np.newaxis].astype(np.float32)


def torch_call(operator, y):
    """Return a call of the network in torch, and what it stores."""
    import torch
    from ista_net import IstaNet, weights_of

    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = IstaNet(torch.from_numpy(operator.matrix)).eval()
    blocks = torch.from_numpy(operator.by_block(y)[0, 0])

    def call():
        with torch.inference_mode():
            return operator.join(network(blocks).numpy()[np.newaxis, np.newaxis])

    return call, {"weights": weights_of(network), "version": f"torch {torch.__version__}"}


def prior_call(job, operator, y):
    """Return a call of a recovery, and what ran."""
    model = load(job["prior"])
    given = {"operator": operator, "engine": job["engine"], "kernel": job["kernel"], "threads": 1}
    found = model.recover(y, **given)
    told = {"steps": int(found.steps.max()), "solver": found.solver, "kernel": found.kernel}
    return lambda: model.recover(y, **given), {**told, "bytes": model.file_bytes}


def main(job):
    """Time it and print the fastest and the median call."""
    pin()
    frame = tuple(job["frame"])
    operator = parse_operator(f"gaussian-blocks:m={job['m']},size=33,seed={job['seed']}", frame)
    y = operator.forward(photo(frame))
    made = torch_call(operator, y) if job["kind"] == "torch" else prior_call(job, operator, y)
    call, told = made
    call()
    times = processor_times(call)
    print(json.dumps({"ms": 1e3 * min(times), "median_ms": 1e3 * statistics.median(times), **told}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
