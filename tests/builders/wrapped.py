"""Whole systems z -> image -> y around a program or a single op, as bundles any engine can run."""

import math
from dataclasses import replace

import numpy as np

from bitprior_runtime.bundle import Bundle, GoldenCases, Measurement
from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.program import Node, Program
from bitprior_runtime.shapes import infer_shapes
from bitprior_runtime.solvers import ProximalOptions, proximal
from bitprior_runtime.tensors import FloatTensor
from builders.bundles import floats, tiny_bundle, weight

GEOMETRY, LATENT, MEASUREMENTS, CASES = (1, 3, 4), 6, 5, 4
PIXELS = math.prod(GEOMETRY)


def op_bundle(case, bits=4):
    """Return a bundle whose generator has the op of a case in its middle.

    z -> Gemm -> Reshape -> the op -> Flatten -> Gemm -> Sigmoid -> image; what the op reads is in
    its domain: a Softplus keeps it positive where it must be.
    """
    rng = np.random.default_rng(0)
    inner = case.program
    size = math.prod(case.shape)
    tensors = {**inner.tensors, "first": gemm_weight(rng, size, LATENT, bits)}
    nodes = [Node("Gemm", ("z", "first"), "spread", {"transB": 1})]
    value = "spread"
    if case.domain == "positive":
        nodes.append(Node("Sigmoid", (value,), "bounded"))
        tensors["least"] = FloatTensor(np.full((), 0.5, np.float32))
        nodes.append(Node("Add", ("bounded", "least"), "positive"))
        value = "positive"
    nodes.append(Node("Reshape", (value,), "in", {"shape": case.shape}))
    nodes += inner.nodes
    count = math.prod(infer_shapes(inner)["out"])
    tensors["last"] = gemm_weight(rng, PIXELS, count, bits)
    nodes += [
        Node("Flatten", ("out",), "flat"),
        Node("Gemm", ("flat", "last"), "pixels", {"transB": 1}),
        Node("Sigmoid", ("pixels",), "bright"),
        Node("Reshape", ("bright",), "x", {"shape": GEOMETRY}),
    ]
    generator = Program("generator", {"z": (LATENT,)}, "x", nodes, tensors)
    return bundle_of(generator, linear_sensing(GEOMETRY))


def gemm_weight(rng, outputs, inputs, bits):
    """Return a weight [outputs, inputs] whose products keep the size of what they read."""
    made = weight(rng, (outputs, inputs), bits, "binary" if bits == 1 else "wide", 0)
    if bits == 32:
        return FloatTensor(made.array * np.float32(3.5 / inputs**0.5))
    spread = np.abs(made.integers()).mean() * inputs**0.5
    return replace(made, scale=np.full(outputs, 1.2 / spread, np.float32))


def scaled_weights(bits, gain=1.3, seed=0):
    """Return a maker of random weights of conv and linear layers that keep their input's size."""
    rng = np.random.default_rng(seed)
    grid = "binary" if bits == 1 else "wide"

    def make(shape, axis):
        made = weight(rng, shape, bits, grid, axis)
        values = made.array if bits == 32 else made.integers()
        # A transposed convolution of stride 2 spreads its input over four times as many values.
        terms = values.size // shape[axis] / (4 if axis == 1 and shape[0] != 8 else 1)
        unit = gain / (np.sqrt(np.mean(np.square(values, dtype=np.float64)) * terms))
        if bits == 32:
            return FloatTensor(values * np.float32(unit))
        spread = rng.uniform(0.8, 1.2, shape[axis])
        return replace(made, scale=(unit * spread).astype(np.float32))

    return make


def linear_sensing(geometry, measurements=MEASUREMENTS):
    """Return y = A x: a random matrix, on blocks of the image where it is large."""
    rng = np.random.default_rng(1)
    nodes, tensors, shape, value = [], {}, geometry, "x"
    if math.prod(geometry) > 4096:
        tensors["blocks"] = floats(rng, (2, geometry[0], 8, 8))
        nodes.append(Node("Conv", ("x", "blocks"), "sums", {"strides": (8, 8)}))
        shape, value = (2, geometry[1] // 8, geometry[2] // 8), "sums"
    tensors["A"] = floats(rng, (math.prod(shape), measurements))
    nodes += [Node("Flatten", (value,), "flat"), Node("MatMul", ("flat", "A"), "y")]
    return Program("sensing", {"x": geometry}, "y", nodes, tensors)


def bundle_of(generator, sensing, step_size=0.01, seed=0):
    """Return a bundle of two programs, its golden cases worked out by the float engine."""
    whole = tiny_bundle(bits=32)
    engine = FloatEngine(generator, sensing)
    ((k,),) = generator.inputs.values()
    geometry = infer_shapes(generator)[generator.output]
    (m,) = infer_shapes(sensing)[sensing.output]
    rng = np.random.default_rng(seed)
    z, hidden = rng.standard_normal((2, CASES, k)).astype(np.float32)
    y = engine.sense(engine.generate(hidden))
    images = engine.generate(z)
    losses, gradients = engine.value_and_grad(z, y)
    trace = proximal(engine, y, z, ProximalOptions(10, step_size)).history
    widths = {tensor.bits for tensor in generator.tensors.values() if tensor.bits < 32}
    manifest = replace(
        whole.manifest,
        geometry=geometry,
        latent=k,
        latents={"z": (k,)},
        measurement=Measurement("linear", m),
        solver=replace(whole.manifest.solver, step_size=step_size, sparsity=None),
        bits=max(widths, default=32),
        grid=None if not widths else ("binary" if widths == {1} else "wide"),
        granularity="per-channel" if widths else None,
    )
    golden = GoldenCases(z, y, images, engine.sense(images), gradients, losses, trace)
    return Bundle(manifest, generator, sensing, golden)
