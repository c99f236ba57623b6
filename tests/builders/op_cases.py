"""Every op of a program beside the same in torch, and inputs to try it on."""

import numpy as np
import torch

from bitprior_runtime.program import Node, Program
from bitprior_runtime.tensors import FloatTensor

F = torch.nn.functional
RNG = np.random.default_rng(0)


def weights(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


B, W, BIAS = weights(5, 3), weights(3, 5), weights(3)
KERNEL, SQUARE, TAPS, GROUPED = (
    weights(6, 4, 3, 3),
    weights(4, 6, 4, 4),
    weights(6),
    weights(6, 2, 3, 2),
)
ROW, CHANNEL = weights(5), weights(4, 1, 1)

# op, shape of the input without the batch, attributes, constants, the same in torch
CASES = [
    ("Gemm", (5,), {}, {"B": B}, lambda x: x @ torch.tensor(B)),
    ("Gemm", (5,), {"transB": 1}, {"B": W, "C": BIAS},
     lambda x: F.linear(x, torch.tensor(W), torch.tensor(BIAS))),
    ("Gemm", (5,), {"alpha": 0.5, "beta": 2.0}, {"B": B, "C": BIAS},
     lambda x: 0.5 * (x @ torch.tensor(B)) + 2 * torch.tensor(BIAS)),
    ("MatMul", (5,), {}, {"B": B}, lambda x: x @ torch.tensor(B)),
    ("MatMul", (2, 5), {}, {"B": B}, lambda x: x @ torch.tensor(B)),
    ("Add", (5,), {}, {"B": ROW}, lambda x: x + torch.tensor(ROW)),
    ("Add", (4, 2, 3), {}, {"B": CHANNEL}, lambda x: x + torch.tensor(CHANNEL)),
    ("Sub", (5,), {}, {"B": ROW}, lambda x: x - torch.tensor(ROW)),
    ("Mul", (5,), {}, {"B": ROW}, lambda x: x * torch.tensor(ROW)),
    ("Mul", (4, 2, 3), {}, {"B": CHANNEL}, lambda x: x * torch.tensor(CHANNEL)),
    ("Relu", (5,), {}, {}, F.relu),
    ("LeakyRelu", (5,), {"alpha": 0.2}, {}, lambda x: F.leaky_relu(x, 0.2)),
    ("LeakyRelu", (5,), {}, {}, lambda x: F.leaky_relu(x, 0.01)),
    ("Elu", (5,), {"alpha": 1.5}, {}, lambda x: F.elu(x, 1.5)),
    ("Tanh", (5,), {}, {}, torch.tanh),
    ("Sigmoid", (5,), {}, {}, torch.sigmoid),
    ("Abs", (5,), {}, {}, torch.abs),
    ("Identity", (5,), {}, {}, lambda x: x * 1),
    ("Conv", (4, 7, 6), {"pads": (1, 1, 1, 1), "strides": (2, 2)}, {"W": KERNEL, "B": TAPS},
     lambda x: F.conv2d(x, torch.tensor(KERNEL), torch.tensor(TAPS), 2, 1)),
    ("Conv", (4, 9, 9), {"dilations": (2, 3)}, {"W": KERNEL},
     lambda x: F.conv2d(x, torch.tensor(KERNEL), dilation=(2, 3))),
    ("Conv", (4, 5, 6), {"group": 2, "pads": (0, 1, 2, 0)}, {"W": GROUPED},
     lambda x: F.conv2d(F.pad(x, (1, 0, 0, 2)), torch.tensor(GROUPED), groups=2)),
    ("ConvTranspose", (4, 3, 5), {"pads": (1, 1, 1, 1), "strides": (2, 2)},
     {"W": SQUARE, "B": TAPS},
     lambda x: F.conv_transpose2d(x, torch.tensor(SQUARE), torch.tensor(TAPS), 2, 1)),
    ("ConvTranspose", (4, 1, 1), {}, {"W": SQUARE},
     lambda x: F.conv_transpose2d(x, torch.tensor(SQUARE))),
    ("ConvTranspose", (6, 4, 3), {"strides": (2, 3), "output_padding": (1, 2), "group": 2},
     {"W": GROUPED},
     lambda x: F.conv_transpose2d(x, torch.tensor(GROUPED), None, (2, 3), 0, (1, 2), 2)),
    ("Reshape", (6,), {"shape": (1, 2, 3)}, {}, lambda x: x.reshape(-1, 1, 2, 3)),
    ("Flatten", (1, 2, 3), {}, {}, lambda x: x.flatten(1)),
]  # fmt: skip


KINDS = ("random", "zero", "large", "non-contiguous")


def one_op(op, shape, attributes, constants):
    """Return a program of one node."""
    tensors = {name: FloatTensor(value) for name, value in constants.items()}
    node = Node(op, ("in", *constants), "out", attributes)
    return Program("one op", {"in": shape}, "out", [node], tensors)


def inputs(kind, shape):
    """Return a batch of three."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((3, *shape)).astype(np.float32)
    if kind == "zero":
        return np.zeros_like(x)
    if kind == "large":
        return x * 1e3
    if kind == "non-contiguous":
        return np.repeat(x, 2, axis=0)[::2][::-1]
    return x


def assert_close(found, expected):
    """To 1e-5 of the largest value: a sum's rounding error goes with its largest terms."""
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
