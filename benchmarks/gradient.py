"""Time one gradient of f(z) = ||y - A(G(z))||^2: our float engine beside torch eager autograd.

Networks of the MNIST prior (100-500-500-784 and 784-500-500-100) with random weights. Each
implementation runs in a process of its own, one thread: two thread pools in one process stall each
other. Prints JSON; compare the ratios of one run, not milliseconds of two machines.

    python benchmarks/gradient.py [--batch 1] [--runs 200]
"""

import argparse
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import time

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
WARM_UP = 20
LAYERS = {"generator": (100, 500, 500, 784), "sensing": (784, 500, 500, 100)}


def weights():
    """Return the same random weights for every implementation."""
    import numpy as np

    rng = np.random.default_rng(0)
    pairs = {name: list(itertools.pairwise(sizes)) for name, sizes in LAYERS.items()}
    return {
        name: [
            (rng.standard_normal((o, i), np.float32) / i**0.5, np.zeros(o, np.float32))
            for i, o in pair
        ]
        for name, pair in pairs.items()
    }


def float_engine():
    """Return value_and_grad of the float engine on numpy kernels."""
    from bitprior_runtime.engines import FloatEngine
    from bitprior_runtime.program import Node, Program
    from bitprior_runtime.tensors import FloatTensor

    def program(name, source, target, layers, last):
        nodes, tensors, value = [], {}, source
        for index, (weight, bias) in enumerate(layers):
            tensors |= {f"w{index}": FloatTensor(weight), f"b{index}": FloatTensor(bias)}
            nodes.append(
                Node("Gemm", (value, f"w{index}", f"b{index}"), f"g{index}", {"transB": 1})
            )
            value = f"g{index}"
            if index < len(layers) - 1:
                nodes.append(Node("LeakyRelu", (value,), f"h{index}", {"alpha": 0.2}))
                value = f"h{index}"
        nodes.append(Node(last, (value,), target))
        return Program(name, {source: (layers[0][0].shape[1],)}, target, nodes, tensors)

    drawn = weights()
    engine = FloatEngine(
        program("generator", "z", "x", drawn["generator"], "Tanh"),
        program("sensing", "x", "y", drawn["sensing"], "Identity"),
    )
    return engine.value_and_grad


def torch_eager():
    """Return the same by torch autograd."""
    import torch
    from torch.nn import functional

    torch.set_num_threads(1)
    drawn = {
        name: [(torch.from_numpy(weight), torch.from_numpy(bias)) for weight, bias in layers]
        for name, layers in weights().items()
    }

    def network(value, layers):
        for weight, bias in layers[:-1]:
            value = functional.leaky_relu(functional.linear(value, weight, bias), 0.2)
        return functional.linear(value, *layers[-1])

    def value_and_grad(z, y):
        z = torch.from_numpy(z).requires_grad_()
        y = torch.from_numpy(y)
        x = torch.tanh(network(z, drawn["generator"]))
        loss = (network(x, drawn["sensing"]) - y).square().sum(1)
        (gradient,) = torch.autograd.grad(loss.sum(), z)
        return loss.detach().numpy(), gradient.numpy()

    return value_and_grad


IMPLEMENTATIONS = {"torch eager": torch_eager, "float/numpy": float_engine}


def measure(name, batch, runs):
    """Time one implementation in this process; return microseconds and a checksum."""
    import numpy as np

    rng = np.random.default_rng(1)
    z, y = (
        rng.standard_normal((batch, 100), np.float32),
        rng.standard_normal((batch, 100), np.float32),
    )
    value_and_grad = IMPLEMENTATIONS[name]()
    for _ in range(WARM_UP):
        loss, gradient = value_and_grad(z, y)
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        value_and_grad(z, y)
        times.append(1e6 * (time.perf_counter() - begin))
    tenths = statistics.quantiles(times, n=10)
    checksum = [float(loss.sum()), float(np.linalg.norm(gradient))]
    return {
        "median_us": statistics.median(times),
        "p10_us": tenths[0],
        "p90_us": tenths[-1],
        "check": checksum,
    }


def main():
    """Run every implementation in its own process and print rows with ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--only", choices=IMPLEMENTATIONS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure(options.only, options.batch, options.runs)))
        return
    rows = {}
    for name in IMPLEMENTATIONS:
        command = [sys.executable, __file__, "--only", name]
        command += ["--batch", str(options.batch), "--runs", str(options.runs)]
        done = subprocess.run(
            command, env={**os.environ, **ONE_THREAD}, capture_output=True, text=True, check=True
        )
        rows[name] = json.loads(done.stdout)
    base = rows["torch eager"]["median_us"]
    for row in rows.values():
        row["ratio_to_torch"] = row["median_us"] / base
    machine = f"{platform.machine()}, {os.cpu_count()} cores, 1 thread used"
    print(json.dumps({"batch": options.batch, "machine": machine, "rows": rows}, indent=2))


if __name__ == "__main__":
    main()
