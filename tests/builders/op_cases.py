"""Every op of a program beside the same in torch."""

import torch

from builders.cases import Case, weights
from builders.image_op_cases import IMAGE_CASES

F = torch.nn.functional

B, W, BIAS = weights(5, 3), weights(3, 5), weights(3)
KERNEL, SQUARE, TAPS, GROUPED = (
    weights(6, 4, 3, 3),
    weights(4, 6, 4, 4),
    weights(6),
    weights(6, 2, 3, 2),
)
ROW, CHANNEL = weights(5), weights(4, 1, 1)

CASES = [
    Case("Gemm", (5,), {}, {"B": B}, lambda x: x @ torch.tensor(B)),
    Case("Gemm", (5,), {"transB": 1}, {"B": W, "C": BIAS},
     lambda x: F.linear(x, torch.tensor(W), torch.tensor(BIAS))),
    Case("Gemm", (5,), {"alpha": 0.5, "beta": 2.0}, {"B": B, "C": BIAS},
     lambda x: 0.5 * (x @ torch.tensor(B)) + 2 * torch.tensor(BIAS)),
    Case("MatMul", (5,), {}, {"B": B}, lambda x: x @ torch.tensor(B)),
    Case("MatMul", (2, 5), {}, {"B": B}, lambda x: x @ torch.tensor(B)),
    Case("Add", (5,), {}, {"B": ROW}, lambda x: x + torch.tensor(ROW)),
    Case("Add", (4, 2, 3), {}, {"B": CHANNEL}, lambda x: x + torch.tensor(CHANNEL)),
    Case("Sub", (5,), {}, {"B": ROW}, lambda x: x - torch.tensor(ROW)),
    Case("Mul", (5,), {}, {"B": ROW}, lambda x: x * torch.tensor(ROW)),
    Case("Mul", (4, 2, 3), {}, {"B": CHANNEL}, lambda x: x * torch.tensor(CHANNEL)),
    Case("Relu", (5,), {}, {}, F.relu),
    Case("LeakyRelu", (5,), {"alpha": 0.2}, {}, lambda x: F.leaky_relu(x, 0.2)),
    Case("LeakyRelu", (5,), {}, {}, lambda x: F.leaky_relu(x, 0.01)),
    Case("Elu", (5,), {"alpha": 1.5}, {}, lambda x: F.elu(x, 1.5)),
    Case("Tanh", (5,), {}, {}, torch.tanh),
    Case("Sigmoid", (5,), {}, {}, torch.sigmoid),
    Case("Abs", (5,), {}, {}, torch.abs),
    Case("Identity", (5,), {}, {}, lambda x: x * 1),
    Case("Conv", (4, 7, 6), {"pads": (1, 1, 1, 1), "strides": (2, 2)}, {"W": KERNEL, "B": TAPS},
     lambda x: F.conv2d(x, torch.tensor(KERNEL), torch.tensor(TAPS), 2, 1)),
    Case("Conv", (4, 9, 9), {"dilations": (2, 3)}, {"W": KERNEL},
     lambda x: F.conv2d(x, torch.tensor(KERNEL), dilation=(2, 3))),
    Case("Conv", (4, 5, 6), {"group": 2, "pads": (0, 1, 2, 0)}, {"W": GROUPED},
     lambda x: F.conv2d(F.pad(x, (1, 0, 0, 2)), torch.tensor(GROUPED), groups=2)),
    Case("ConvTranspose", (4, 3, 5), {"pads": (1, 1, 1, 1), "strides": (2, 2)},
     {"W": SQUARE, "B": TAPS},
     lambda x: F.conv_transpose2d(x, torch.tensor(SQUARE), torch.tensor(TAPS), 2, 1)),
    Case("ConvTranspose", (4, 1, 1), {}, {"W": SQUARE},
     lambda x: F.conv_transpose2d(x, torch.tensor(SQUARE))),
    Case("ConvTranspose", (6, 4, 3), {"strides": (2, 3), "output_padding": (1, 2), "group": 2},
     {"W": GROUPED},
     lambda x: F.conv_transpose2d(x, torch.tensor(GROUPED), None, (2, 3), 0, (1, 2), 2)),
    Case("Reshape", (6,), {"shape": (1, 2, 3)}, {}, lambda x: x.reshape(-1, 1, 2, 3)),
    Case("Flatten", (1, 2, 3), {}, {}, lambda x: x.flatten(1)),
    *IMAGE_CASES,
]  # fmt: skip
