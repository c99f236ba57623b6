"""The papers' networks with random weights, as bundles: speed does not depend on the values.

MNIST: G 100-500-500-784, A 784-500-500-100. DCGAN-32: 4x4 transposed convolutions of 128, 64 and 32
channels, and the eight-layer sensing network at a quarter of its width.
"""

from itertools import pairwise

import numpy as np

from bitprior_runtime.program import Node, Program
from bitprior_runtime.tensors import FloatTensor, QuantisedTensor

NETWORKS = ("mnist", "dcgan32")
WIDTHS = (1, 2, 3, 4, 32)


def weight(rng, shape, bits, axis, fan_in):
    """Return a random weight of so many bits with one scale for each channel of ``axis``."""
    spread = 1 / fan_in**0.5
    if bits == 32:
        return FloatTensor(spread * rng.standard_normal(shape, np.float32))
    grid = "binary" if bits == 1 else "wide"
    codes = rng.integers(0, 2**bits, shape, dtype=np.uint8)
    step = spread / 2 ** (bits - 1) * (1 if bits == 1 else 1.7)
    return QuantisedTensor(codes, bits, grid, np.full(shape[axis], step, np.float32), axis)


def mlp(rng, name, source, target, sizes, bits, last, shape=None):
    """Return a program of Gemm and LeakyRelu."""
    nodes, tensors, value = [], {}, source
    if len(shape or ()) and name == "sensing":
        nodes.append(Node("Flatten", (source,), "flat", {}))
        value = "flat"
    for index, (width, size) in enumerate(pairwise(sizes)):
        tensors[f"fc{index}.weight"] = weight(rng, (size, width), bits, 0, width)
        tensors[f"fc{index}.bias"] = FloatTensor(0.01 * rng.standard_normal(size, np.float32))
        end = index == len(sizes) - 2
        out = target if end and not last else f"fc{index}"
        inputs = (value, f"fc{index}.weight", f"fc{index}.bias")
        nodes.append(Node("Gemm", inputs, out, {"transB": 1}))
        value = out
        if not end:
            nodes.append(Node("LeakyRelu", (value,), f"act{index}", {"alpha": 0.2}))
            value = f"act{index}"
    if last:
        nodes.append(Node(last, (value,), "pixels"))
        nodes.append(Node("Reshape", ("pixels",), target, {"shape": shape}))
    entry = shape if name == "sensing" else (sizes[0],)
    return Program(name, {source: entry}, target, nodes, tensors)


def dcgan(rng, bits, channels=(128, 64, 32), latent=100):
    """Return the generator of 3x32x32 images."""
    nodes = [Node("Reshape", ("z",), "seed", {"shape": (latent, 1, 1)})]
    tensors, value, width = {}, "seed", latent
    for index, size in enumerate((*channels, 3)):
        stride, pads = ((1, 1), (0, 0, 0, 0)) if index == 0 else ((2, 2), (1, 1, 1, 1))
        fan_in = width * (1 if index == 0 else 4)
        tensors[f"up{index}.weight"] = weight(rng, (width, size, 4, 4), bits, 1, fan_in)
        tensors[f"up{index}.bias"] = FloatTensor(0.01 * rng.standard_normal(size, np.float32))
        inputs = (value, f"up{index}.weight", f"up{index}.bias")
        attributes = {"strides": stride, "pads": pads}
        nodes.append(Node("ConvTranspose", inputs, f"up{index}", attributes))
        last = index == len(channels)
        value = "x" if last else f"act{index}"
        nodes.append(Node("Sigmoid" if last else "Relu", (f"up{index}",), value))
        width = size
    return Program("generator", {"z": (latent,)}, "x", nodes, tensors)


def conv_sensing(rng, bits, measurements=200):
    """Return the sensing network of 3x32x32 images: seven convolutions and a linear layer."""
    nodes, tensors, value, width = [], {}, "x", 3
    for index, size in enumerate((16, 16, 32, 32, 64, 64, 128)):
        taps, stride = (4, 2) if index % 2 else (3, 1)
        tensors[f"conv{index}.weight"] = weight(
            rng, (size, width, taps, taps), bits, 0, width * taps * taps
        )
        tensors[f"conv{index}.bias"] = FloatTensor(0.01 * rng.standard_normal(size, np.float32))
        inputs = (value, f"conv{index}.weight", f"conv{index}.bias")
        attributes = {"strides": (stride, stride), "pads": (1, 1, 1, 1)}
        nodes.append(Node("Conv", inputs, f"conv{index}", attributes))
        nodes.append(Node("LeakyRelu", (f"conv{index}",), f"act{index}", {"alpha": 0.1}))
        value, width = f"act{index}", size
    nodes.append(Node("Flatten", (value,), "flat", {}))
    tensors["fc.weight"] = weight(rng, (measurements, width * 16), bits, 0, width * 16)
    tensors["fc.bias"] = FloatTensor(0.01 * rng.standard_normal(measurements, np.float32))
    nodes.append(Node("Gemm", ("flat", "fc.weight", "fc.bias"), "y", {"transB": 1}))
    return Program("sensing", {"x": (3, 32, 32)}, "y", nodes, tensors)


def programs(network, bits, sensing_bits=32, seed=0):
    """Return generator and sensing network with random weights."""
    rng = np.random.default_rng(seed)
    if network == "mnist":
        shape = (1, 28, 28)
        return (
            mlp(rng, "generator", "z", "x", (100, 500, 500, 784), bits, "Sigmoid", shape),
            mlp(rng, "sensing", "x", "y", (784, 500, 500, 100), sensing_bits, None, shape),
        )
    return dcgan(rng, bits), conv_sensing(rng, sensing_bits)
