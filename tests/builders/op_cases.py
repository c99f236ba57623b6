"""Every op of a program beside the same in torch."""

import numpy as np

from bitprior_runtime.program import Node
from builders.cases import Case, F, torch, weights
from builders.image_op_cases import IMAGE_CASES

B, W, BIAS = weights(5, 3), weights(3, 5), weights(3)
KERNEL, SQUARE, TAPS, GROUPED = (
    weights(6, 4, 3, 3),
    weights(4, 6, 4, 4),
    weights(6),
    weights(6, 2, 3, 2),
)
ROW, CHANNEL = weights(5), weights(4, 1, 1)
COUNTS = np.array([0, 1, 2, 3, 4], np.float32)  # of 0, whose power has slope 0
ROOTS = np.array([[[0.5]], [[-1.5]]], np.float32)
TANH = (Node("Tanh", ("in",), "t"),)
MEAN = (Node("ReduceMean", ("in",), "m", {"axes": (1, 3)}),)

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
    Case("Add", (2, 3), {}, {}, lambda x: x + torch.tanh(x), reads=("in", "t"), before=TANH),
    Case("Mul", (5,), {}, {}, lambda x: x * x, reads=("in", "in")),
    Case("Sub", (2, 3, 4), {}, {}, lambda x: x.mean((1, 3), keepdim=True) - x,
         reads=("m", "in"), before=MEAN),
    Case("Mul", (2, 3, 4), {}, {}, lambda x: x * x.mean((1, 3), keepdim=True),
         reads=("in", "m"), before=MEAN),
    Case("Div", (5,), {}, {"B": ROW}, lambda x: x / torch.tensor(ROW)),
    Case("Div", (4, 2, 3), {}, {"B": CHANNEL}, lambda x: torch.tensor(CHANNEL) / x,
         reads=("B", "in"), domain="positive"),
    Case("Div", (2, 3, 4), {}, {}, lambda x: x / x.mean((1, 3), keepdim=True),
         reads=("in", "m"), before=MEAN, domain="positive"),
    Case("Pow", (5,), {}, {"e": COUNTS}, lambda x: x ** torch.tensor(COUNTS)),
    Case("Pow", (2, 3, 1), {}, {"e": ROOTS}, lambda x: x ** torch.tensor(ROOTS),
         domain="positive"),
    Case("PRelu", (4, 2, 3), {}, {"slope": CHANNEL},
         lambda x: F.prelu(x, torch.tensor(CHANNEL)[:, 0, 0])),
    Case("PRelu", (5,), {}, {"slope": np.array([0.3], np.float32)}, lambda x: F.leaky_relu(x, 0.3)),
    Case("Neg", (5,), {}, {}, lambda x: -x),
    Case("Exp", (5,), {}, {}, lambda x: torch.exp(x), domain="small"),
    Case("Log", (5,), {}, {}, lambda x: torch.log(x), domain="positive"),
    Case("Sqrt", (5,), {}, {}, lambda x: torch.sqrt(x), domain="positive"),
    Case("Clip", (5,), {"min": -0.5, "max": 0.75}, {}, lambda x: x.clamp(-0.5, 0.75)),
    Case("Clip", (5,), {"min": 0.0}, {}, lambda x: x.clamp(min=0.0)),
    Case("Clip", (5,), {}, {}, lambda x: x * 1),
    Case("Softplus", (5,), {}, {}, lambda x: F.softplus(x)),
    Case("Selu", (5,), {}, {}, lambda x: F.selu(x)),
    Case("HardSigmoid", (5,), {"alpha": 1 / 6}, {}, lambda x: F.hardsigmoid(x)),
    Case("HardSwish", (5,), {}, {}, lambda x: F.hardswish(x)),
    Case("Relu", (5,), {}, {}, lambda x: F.relu(x)),
    Case("LeakyRelu", (5,), {"alpha": 0.2}, {}, lambda x: F.leaky_relu(x, 0.2)),
    Case("LeakyRelu", (5,), {}, {}, lambda x: F.leaky_relu(x, 0.01)),
    Case("Elu", (5,), {"alpha": 1.5}, {}, lambda x: F.elu(x, 1.5)),
    Case("Tanh", (5,), {}, {}, lambda x: torch.tanh(x)),
    Case("Sigmoid", (5,), {}, {}, lambda x: torch.sigmoid(x)),
    Case("Abs", (5,), {}, {}, lambda x: torch.abs(x)),
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
