"""A tiny MLP prior as a bundle: z [4] -> 6 -> image [1,2,3] -> 5 -> y [3].

Its golden values are worked out here in plain numpy, in float64, by the textbook: an independent
check of the engines that replay them.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.bundle import (
    Bundle,
    FistaDefaults,
    GoldenCases,
    Manifest,
    Measurement,
    Producer,
    SolverDefaults,
    Tolerances,
)
from bitprior_runtime.bundle.limits import TRACE_STEPS
from bitprior_runtime.bundle.manifest import FLOAT_BITS
from bitprior_runtime.program import Node, Program
from bitprior_runtime.tensors import FloatTensor, Grid, QuantisedTensor, Tensor

LATENT, HIDDEN, GEOMETRY, SENSING_HIDDEN, MEASUREMENTS = 4, 6, (1, 2, 3), 5, 3
PIXELS = 6
SLOPE = 0.2
STEP_SIZE = 0.05
SPARSITY = 3

Array = NDArray[Any]


def tiny_bundle(
    bits: int = 4,
    grid: Grid | None = None,
    axis: int | None = 0,
    seed: int = 0,
    cases: int = 3,
) -> Bundle:
    """Return a small, whole bundle.

    Args:
        bits: Bit width of the generator's weights, 1 to 8; 32 for float weights.
        grid: Their grid; None for binary at 1 bit and wide above.
        axis: Channel axis of their scales; None for one scale per tensor.
        seed: Seed of all values.
        cases: Number of golden cases.
    """
    rng = np.random.default_rng(seed)
    grid = grid or ("binary" if bits == 1 else "wide")
    quantised = bits != FLOAT_BITS
    generator = tiny_generator(rng, bits, grid, axis)
    sensing = tiny_sensing(rng)
    manifest = Manifest(
        name="tiny",
        producer=Producer("0.1.0", {"numpy": "2.4.6", "safetensors": "0.8.0"}),
        geometry=GEOMETRY,
        latent=LATENT,
        measurement=Measurement("mlp", MEASUREMENTS),
        bits=bits,
        grid=grid if quantised else None,
        granularity=("per-tensor" if axis is None else "per-channel") if quantised else None,
        solver=SolverDefaults(step_size=STEP_SIZE, steps=20, sparsity=SPARSITY),
        tolerances=Tolerances(image=1e-5, measurement=1e-5, gradient=1e-4, trace=1e-3),
        licence="Made up; free to use.",
        training={"dataset": "none", "seeds": [seed], "config": {"lr": 0.002, "steps": 0}},
    )
    return Bundle(manifest, generator, sensing, golden_cases(generator, sensing, rng, cases))


def tiny_generator(rng: np.random.Generator, bits: int, grid: Grid, axis: int | None) -> Program:
    """Return the generator program."""
    tensors: dict[str, Tensor] = {
        "fc0.weight": weight(rng, (HIDDEN, LATENT), bits, grid, axis),
        "fc0.bias": floats(rng, (HIDDEN,)),
        "fc1.weight": weight(rng, (PIXELS, HIDDEN), bits, grid, axis),
        "fc1.bias": floats(rng, (PIXELS,)),
        "half": FloatTensor(np.full((), 0.5, dtype=np.float32)),
    }
    nodes = (
        Node("Gemm", ("z", "fc0.weight", "fc0.bias"), "fc0", {"transB": 1}),
        Node("LeakyRelu", ("fc0",), "act0", {"alpha": SLOPE}),
        Node("Gemm", ("act0", "fc1.weight", "fc1.bias"), "fc1", {"transB": 1}),
        Node("Tanh", ("fc1",), "tanh"),
        Node("Mul", ("tanh", "half"), "scaled"),
        Node("Add", ("scaled", "half"), "pixels"),
        Node("Reshape", ("pixels",), "x", {"shape": GEOMETRY}),
    )
    return Program("generator", {"z": (LATENT,)}, "x", nodes, tensors)


def tiny_sensing(rng: np.random.Generator) -> Program:
    """Return the sensing program."""
    tensors: dict[str, Tensor] = {
        "two": FloatTensor(np.full((), 2.0, dtype=np.float32)),
        "one": FloatTensor(np.full((), 1.0, dtype=np.float32)),
        "fc0.weight": floats(rng, (SENSING_HIDDEN, PIXELS)),
        "fc0.bias": floats(rng, (SENSING_HIDDEN,)),
        "fc1.weight": floats(rng, (MEASUREMENTS, SENSING_HIDDEN)),
        "fc1.bias": floats(rng, (MEASUREMENTS,)),
    }
    nodes = (
        Node("Flatten", ("x",), "flat", {"axis": 1}),
        Node("Mul", ("flat", "two"), "doubled"),
        Node("Sub", ("doubled", "one"), "signed"),
        Node("Gemm", ("signed", "fc0.weight", "fc0.bias"), "fc0", {"transB": 1}),
        Node("LeakyRelu", ("fc0",), "act0", {"alpha": SLOPE}),
        Node("Gemm", ("act0", "fc1.weight", "fc1.bias"), "y", {"transB": 1}),
    )
    return Program("sensing", {"x": GEOMETRY}, "y", nodes, tensors)


def weight(
    rng: np.random.Generator, shape: tuple[int, ...], bits: int, grid: Grid, axis: int | None
) -> Tensor:
    """Return a random weight: codes over the whole grid, or floats at 32 bits."""
    if bits == FLOAT_BITS:
        return floats(rng, shape)
    lowest = 1 if grid == "narrow" else 0
    codes = rng.integers(lowest, 2**bits, shape, dtype=np.uint8)
    channels = () if axis is None else (shape[axis],)
    scale = np.asarray(rng.uniform(0.5, 1.0, channels) / 2**bits, dtype=np.float32)
    return QuantisedTensor(codes, bits, grid, scale, axis)


def floats(rng: np.random.Generator, shape: tuple[int, ...]) -> FloatTensor:
    """Return a random float tensor."""
    return FloatTensor(rng.uniform(-0.5, 0.5, shape).astype(np.float32))


def golden_cases(
    generator: Program, sensing: Program, rng: np.random.Generator, cases: int
) -> GoldenCases:
    """Return golden cases of the tiny network: f, its gradient and 10 proximal steps."""
    latents = rng.standard_normal((cases, LATENT)).astype(np.float32)
    y = rng.standard_normal((cases, MEASUREMENTS)).astype(np.float32)
    images, sensed, losses, gradients = _gradient(generator, sensing, latents, y)
    z, trace = latents.astype(np.float64), [losses]
    for _ in range(TRACE_STEPS):
        z = _keep_largest(z - STEP_SIZE * _gradient(generator, sensing, z, y)[3])
        trace.append(_gradient(generator, sensing, z, y)[2])
    values = (images, sensed, gradients, losses, np.stack(trace))
    return GoldenCases(latents, y, *(np.ascontiguousarray(v, dtype=np.float32) for v in values))


def with_fista(bundle: Bundle, step_size: float = 0.03, sparsity: int | None = 2) -> Bundle:
    """Return a tiny bundle whose solver is FISTA; its golden trace is worked out by hand."""
    solver = replace(
        bundle.manifest.solver,
        name="fista",
        fista=FistaDefaults(step_size, sparsity),
        selection={"images": 3, "noise": [0.0], "within_db": 0.1, "measured": []},
    )
    golden = bundle.golden
    z, y = golden.latents.astype(np.float64), golden.measurements
    v, theta, trace = z, np.ones(len(z)), []
    for _ in range(TRACE_STEPS):
        _, _, f, slope = _gradient(bundle.generator, bundle.sensing, v, y)
        after = _keep_largest(v - step_size * slope, sparsity or LATENT)
        uphill = ((v - after) * (after - z)).sum(axis=1) > 0
        if trace:
            uphill |= f > trace[-1]
        theta = np.where(uphill, 1, theta)
        grown = (1 + np.sqrt(1 + 4 * theta**2)) / 2
        v, z, theta = after + ((theta - 1) / grown)[:, None] * (after - z), after, grown
        trace.append(f)
    trace.append(_gradient(bundle.generator, bundle.sensing, z, y)[2])
    whole = replace(golden, trace=np.stack(trace).astype(np.float32))
    return replace(bundle, manifest=replace(bundle.manifest, solver=solver), golden=whole)


def _gradient(
    generator: Program, sensing: Program, z: Array, y: Array
) -> tuple[Array, Array, Array, Array]:
    """Return G(z), A(G(z)), f = ||y - A(G(z))||^2 and its gradient by hand."""
    g = {name: tensor.values().astype(np.float64) for name, tensor in generator.tensors.items()}
    a = {name: tensor.values().astype(np.float64) for name, tensor in sensing.tensors.items()}
    h = z @ g["fc0.weight"].T + g["fc0.bias"]
    t = np.tanh(_leaky(h) @ g["fc1.weight"].T + g["fc1.bias"])
    x = 0.5 * t + 0.5
    u = (2 * x - 1) @ a["fc0.weight"].T + a["fc0.bias"]
    sensed = _leaky(u) @ a["fc1.weight"].T + a["fc1.bias"]
    flow = 2 * (sensed - y) @ a["fc1.weight"] * _slope(u) @ a["fc0.weight"] * 2
    flow = flow * 0.5 * (1 - t * t) @ g["fc1.weight"] * _slope(h) @ g["fc0.weight"]
    return x.reshape(-1, *GEOMETRY), sensed, ((sensed - y) ** 2).sum(axis=1), flow


def _leaky(value: Array) -> Array:
    return np.where(value > 0, value, SLOPE * value)


def _slope(value: Array) -> Array:
    return np.where(value > 0, 1.0, SLOPE)


def _keep_largest(z: Array, s: int = SPARSITY) -> Array:
    order = np.argsort(-np.abs(z), axis=1, kind="stable")
    kept = np.zeros_like(z)
    rows = np.arange(len(z))[:, None]
    kept[rows, order[:, :s]] = z[rows, order[:, :s]]
    return kept


def smallest_bundle() -> Bundle:
    """Return a bundle with one layer in each network, for tests that try every bit of it."""
    rng = np.random.default_rng(0)
    generator = Program(
        "generator",
        {"z": (2,)},
        "x",
        (
            Node("Gemm", ("z", "w"), "p", {}),
            Node("Sigmoid", ("p",), "s"),
            Node("Reshape", ("s",), "x", {"shape": (1, 1, 3)}),
        ),
        {"w": weight(rng, (2, 3), 1, "binary", 1)},
    )
    sensing = Program(
        "sensing",
        {"x": (1, 1, 3)},
        "y",
        (Node("Flatten", ("x",), "f"), Node("MatMul", ("f", "w"), "y")),
        {"w": floats(rng, (3, 1))},
    )
    whole = tiny_bundle(bits=1)
    manifest = replace(
        whole.manifest,
        geometry=(1, 1, 3),
        latent=2,
        latents={},
        measurement=Measurement("linear", 1),
        solver=SolverDefaults(step_size=STEP_SIZE),
    )
    shapes = {
        "latents": (3, 2),
        "measurements": (3, 1),
        "images": (3, 1, 1, 3),
        "sensed": (3, 1),
        "gradients": (3, 2),
        "losses": (3,),
        "trace": (TRACE_STEPS + 1, 3),
    }
    # Nobody replays these cases: any values of the right shape will do.
    values = {name: floats(rng, shape).array for name, shape in shapes.items()}
    return Bundle(manifest, generator, sensing, GoldenCases(**values))
