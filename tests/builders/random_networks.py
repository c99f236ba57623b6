"""Random networks for the integer engines: perceptrons, and convolutions with skip connections."""

import itertools

import numpy as np

from bitprior_runtime.program import Node, Program
from bitprior_runtime.tensors import FloatTensor, QuantisedTensor, grid_integers


def weight(rng, shape, bits, grid, axis):
    """Return a random weight: codes of `bits` on a grid, or floats at 32."""
    fan = int(np.prod(shape)) / shape[axis]
    if bits == 32:
        return FloatTensor((rng.standard_normal(shape) / fan**0.5).astype(np.float32))
    multiplier, _ = grid_integers(grid, bits)
    # The narrow grid has no lowest level.
    codes = rng.integers(grid == "narrow", 2**bits, shape).astype(np.uint8)
    scale = rng.uniform(1.0, 3.0, shape[axis]) / (multiplier * 2**bits * fan**0.5)
    return QuantisedTensor(codes, bits, grid, scale.astype(np.float32), axis)


def floats(rng, *shape):
    """Return a float tensor of values around zero."""
    return FloatTensor((0.2 * rng.standard_normal(shape)).astype(np.float32))


def perceptron(rng, name, source, target, sizes, bits, grid="wide"):
    """Return Gemm layers with LeakyRelu between them, and Tanh behind a generator."""
    nodes, tensors, value = [], {}, source
    for place, (ins, outs) in enumerate(itertools.pairwise(sizes)):
        tensors[f"w{place}"] = weight(rng, (outs, ins), bits, grid, 0)
        tensors[f"b{place}"] = floats(rng, outs)
        last = place == len(sizes) - 2
        name_out = target if last and name == "sensing" else f"g{place}"
        nodes.append(Node("Gemm", (value, f"w{place}", f"b{place}"), name_out, {"transB": 1}))
        value = name_out
        if not last:
            nodes.append(Node("LeakyRelu", (value,), f"h{place}", {"alpha": 0.2}))
            value = f"h{place}"
    if name == "generator":
        nodes.append(Node("Tanh", (value,), target))
    return Program(name, {source: (sizes[0],)}, target, nodes, tensors)


def convolutional(rng, bits, grid="wide"):
    """Return a generator of transposed and plain convolutions around a skip, and its sensing."""
    latent, channels, side = int(rng.integers(2, 9)), int(rng.integers(1, 4)) * 2, 4
    kernel, stride = int(rng.integers(2, 5)), int(rng.integers(1, 3))
    group = int(rng.choice([1, 2]))
    generator = Program(
        "generator",
        {"z": (latent,)},
        "x",
        [
            Node("Gemm", ("z", "w0", "b0"), "d", {"transB": 1}),
            Node("Reshape", ("d",), "i", {"shape": (channels, side, side)}),
            Node("Relu", ("i",), "r"),
            Node(
                "ConvTranspose",
                ("r", "w1", "b1"),
                "u",
                {"strides": (stride, stride), "pads": (1, 0, 0, 1), "group": group},
            ),
            Node("LeakyRelu", ("u",), "l", {"alpha": 0.1}),
            Node("Conv", ("l", "w2", "b2"), "c", {"pads": (2, 2, 2, 2), "dilations": (2, 2)}),
            Node("Add", ("l", "c"), "s"),
            Node("Tanh", ("s",), "x"),
        ],
        {
            "w0": weight(rng, (channels * side * side, latent), bits, grid, 0),
            "b0": floats(rng, channels * side * side),
            "w1": weight(rng, (channels, 6 // group, kernel, kernel), bits, grid, 1),
            "b1": floats(rng, 6),
            "w2": weight(rng, (6, 6, 3, 3), bits, grid, 0),
            "b2": floats(rng, 6),
        },
    )
    reached = (side - 1) * stride + kernel - 1
    rest = (reached - 2) // 2 + 1
    sensing = Program(
        "sensing",
        {"x": (6, reached, reached)},
        "y",
        [
            Node("Conv", ("x", "w0", "b0"), "c", {"strides": (2, 2), "group": group}),
            Node("LeakyRelu", ("c",), "l", {"alpha": 0.2}),
            Node("Flatten", ("l",), "f", {"axis": 1}),
            Node("Gemm", ("f", "w1", "b1"), "y", {"transB": 1}),
        ],
        {
            "w0": weight(rng, (10, 6 // group, 2, 2), 32, grid, 0),
            "b0": floats(rng, 10),
            "w1": weight(rng, (9, 10 * rest * rest), 32, grid, 0),
            "b1": floats(rng, 9),
        },
    )
    return generator, sensing
