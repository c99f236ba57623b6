"""The estimate of a recovery's memory against what a process really takes."""

import os
import subprocess
import sys
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from bitprior_export.bundle import write_bundle
from bitprior_runtime import load
from bitprior_runtime.kernels import problem
from bitprior_runtime.memory import BASE_MB, estimated_engines, peak_memory_mb
from bitprior_runtime.program import Node, Program
from builders import surgery
from builders.conformance import calibrated
from builders.wrapped import bundle_of, gemm_weight, linear_sensing, scaled_weights

ROWS = 4
_PEAK = """
import sys
from bitprior_runtime.cli import main, recover
from bitprior_runtime import load
def peak():
    lines = open("/proc/self/status").read().splitlines()
    return [int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM")][0]
base = peak()
model = load(sys.argv[1])
y = model.bundle.golden.measurements[[0, 0, 0, 0]]
model.recover(y, engine=sys.argv[2], kernel=sys.argv[3], threads=1, steps=2)
print(base, peak())
"""


def test_more_weights_rows_and_base_need_more(bundle_path):
    model = load(bundle_path)
    for name in estimated_engines():
        few = peak_memory_mb(model.bundle, model.file_bytes, name)
        assert BASE_MB < few < peak_memory_mb(model.bundle, model.file_bytes, name, rows=1000)
        moved = peak_memory_mb(model.bundle, model.file_bytes, name, base_mb=BASE_MB + 5)
        assert moved == pytest.approx(few + 5)


def mlp(rng, name, source, target, sizes, bits, shape):
    """Return a program of Gemm and LeakyRelu, as the paper's for MNIST."""
    nodes, tensors, value = [], {}, source
    if name == "sensing":
        nodes, value = [Node("Flatten", (source,), "flat")], "flat"
    for index, (inputs, outputs) in enumerate(pairwise(sizes)):
        tensors[f"w{index}"] = gemm_weight(rng, outputs, inputs, bits)
        nodes.append(Node("Gemm", (value, f"w{index}"), f"fc{index}", {"transB": 1}))
        nodes.append(Node("LeakyRelu", (f"fc{index}",), f"act{index}", {"alpha": 0.2}))
        value = f"act{index}"
    if name == "generator":
        nodes.append(Node("Sigmoid", (value,), "pixels"))
        nodes.append(Node("Reshape", ("pixels",), target, {"shape": shape}))
    else:
        nodes[-1] = replace(nodes[-1], output=target)
    entry = shape if name == "sensing" else (sizes[0],)
    return Program(name, {source: entry}, target, nodes, tensors)


@cache
def network(name):
    """Return a bundle with the paper's network for MNIST, or a quarter of a DCGAN-64."""
    if name == "dcgan":
        generator = surgery.dcgan(scaled_weights(4), width=16)
        return calibrated(bundle_of(generator, linear_sensing((3, 64, 64)), step_size=1e-6))
    rng, shape = np.random.default_rng(0), (1, 28, 28)
    generator = mlp(rng, "generator", "z", "x", (100, 500, 500, 784), 4, shape)
    sensing = mlp(rng, "sensing", "x", "y", (784, 500, 500, 100), 32, shape)
    return calibrated(bundle_of(generator, sensing, step_size=1e-6))


@pytest.mark.parametrize(
    ("name", "engine"),
    [
        ("mnist", "float/numpy"),
        ("mnist", "integer/native"),
        ("dcgan", "float/native"),
        ("dcgan", "integer/numpy"),
    ],
)
def test_the_estimate_is_within_a_fifth_of_what_a_recovery_takes(name, engine, tmp_path):
    if engine.endswith("native") and problem() is not None:
        pytest.skip(f"native kernels: {problem()}")
    path = tmp_path / "m.bitprior"
    write_bundle(path, network(name))
    model = load(path)
    done = subprocess.run(
        [sys.executable, "-c", _PEAK, path, *engine.split("/")],
        capture_output=True,
        text=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        check=True,
    )
    base, measured = map(float, done.stdout.split())
    estimate = peak_memory_mb(model.bundle, model.file_bytes, engine, ROWS, base)
    assert estimate == pytest.approx(measured, rel=0.2)
    # The interpreter is most of a small model's memory: what the model adds has to fit too.
    assert estimate - base == pytest.approx(measured - base, rel=0.5)
