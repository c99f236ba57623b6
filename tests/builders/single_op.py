"""A program of one op as a prior, so that an engine runs it forward and backward."""

import math

import numpy as np

from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.program import Node, Program
from bitprior_runtime.shapes import infer_shapes
from bitprior_runtime.tensors import FloatTensor, QuantisedTensor


def one_op(op, shape, attributes, constants):
    """Return a program of one node that reads the input and all constants."""
    tensors = {name: FloatTensor(value) for name, value in constants.items()}
    node = Node(op, ("in", *constants), "out", attributes)
    return Program("one op", {"in": shape}, "out", [node], tensors)


def as_prior(program):
    """Return generator and sensing network: the program's input is the image, its output y."""
    ((name, shape),) = program.inputs.items()
    draw = Node("Reshape", ("z",), name, {"shape": shape})
    generator = Program("generator", {"z": (math.prod(shape),)}, name, [draw], {})
    nodes = [*program.nodes, Node("Flatten", (program.output,), "flat")]
    return generator, Program("sensing", program.inputs, "flat", nodes, program.tensors)


def problem(program, batch, seed=0):
    """Return latents and measurements; the residuals are cotangents of any kind."""
    rng = np.random.default_rng(seed)
    ((_, shape),) = program.inputs.items()
    size = math.prod(infer_shapes(program)[program.output])
    return (
        rng.standard_normal((batch, math.prod(shape)), np.float32),
        rng.standard_normal((batch, size), np.float32),
    )


def codes(rng, shape, bits, grid=None, axis=0):
    """Return a random weight of ``bits`` with a scale per channel of ``axis``, or one scale."""
    scale = rng.uniform(0.5, 2.0, () if axis is None else shape[axis]) / 2**bits
    return QuantisedTensor(
        rng.integers(0, 2**bits, shape).astype(np.uint8),
        bits,
        grid or ("binary" if bits == 1 else "wide"),
        np.asarray(scale, np.float32),
        axis,
    )


def assert_engines_agree(engine, program, batch, tolerance=1e-5, latents=None):
    """Compare G, A, f, its gradient and J^T c with numpy in float64, relative to the largest.

    ``latents`` [batch,k], for ops that not every value is in the domain of.
    """
    generator, sensing = as_prior(program)
    reference = FloatEngine(generator, sensing, np.float64)
    z, y = problem(program, batch)
    z = z if latents is None else latents
    x = reference.generate(z)
    # Residuals for cotangents: J^T of them does not cancel down to rounding.
    flowing = reference.sense(x) - y
    pairs = [
        (engine.generate(z), x),
        (engine.sense(x.astype(np.float32)), reference.sense(x)),
        (engine.loss(z, y), reference.loss(z, y)),
        *zip(engine.value_and_grad(z, y), reference.value_and_grad(z, y), strict=True),
        (engine.vjp(z, flowing), reference.vjp(z, flowing)),
        (engine.vjp(z[:1], flowing), reference.vjp(z[:1], flowing)),
    ]
    for found, expected in pairs:
        assert found.dtype == np.float32
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() <= tolerance * max(np.abs(expected).max(), 1e-30)
