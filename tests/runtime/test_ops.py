"""Every op against its ONNX definition in torch: forward and vector-Jacobian product."""

import numpy as np
import pytest
import torch

from bitprior_runtime.engines.tape import NumpyProgram
from bitprior_runtime.ops import OPS
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


def program(op, shape, attributes, constants):
    tensors = {name: FloatTensor(value) for name, value in constants.items()}
    node = Node(op, ("in", *constants), "out", attributes)
    return Program("one op", {"in": shape}, "out", [node], tensors)


def inputs(kind, shape):
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


def test_every_op_has_a_case():
    assert {case[0] for case in CASES} == set(OPS)


@pytest.mark.parametrize("kind", ["random", "zero", "large", "non-contiguous"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}{case[1]}{case[2]}")
def test_forward_and_vjp_equal_torch(case, kind):
    op, shape, attributes, constants, reference = case
    x = inputs(kind, shape)
    runner = NumpyProgram(program(op, shape, attributes, constants), np.float32)
    values = runner.forward({"in": x})
    tensor = torch.tensor(np.ascontiguousarray(x), requires_grad=True)
    expected = reference(tensor)
    assert_close(values["out"], expected.detach().numpy())
    cotangent = np.random.default_rng(2).standard_normal(expected.shape).astype(np.float32)
    expected.backward(torch.tensor(cotangent))
    found = runner.backward(values, cotangent)["in"]
    if kind == "zero" and op == "LeakyRelu":
        return  # any slope between the two is a subgradient at 0
    assert_close(found, tensor.grad.numpy())


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}{case[1]}{case[2]}")
def test_vjp_equals_finite_differences_in_20_directions(case):
    op, shape, attributes, constants, _ = case
    runner = NumpyProgram(program(op, shape, attributes, constants), np.float64)
    rng = np.random.default_rng(3)
    x = rng.standard_normal((2, *shape))
    values = runner.forward({"in": x})
    cotangent = rng.standard_normal(values["out"].shape)
    gradient = runner.backward(values, cotangent)["in"]
    step = 1e-6
    for _ in range(20):
        direction = rng.standard_normal(x.shape)
        high = runner.forward({"in": x + step * direction})["out"]
        low = runner.forward({"in": x - step * direction})["out"]
        slope = np.vdot(cotangent, high - low) / (2 * step)
        assert np.vdot(gradient, direction) == pytest.approx(slope, rel=1e-5, abs=1e-7)


def test_a_tensor_read_twice_gathers_both_cotangents():
    nodes = [Node("Tanh", ("in",), "t"), Node("Mul", ("in", "t"), "out")]
    runner = NumpyProgram(Program("square", {"in": (3,)}, "out", nodes, {}), np.float64)
    x = np.array([[0.3, -1.2, 2.0]])
    values = runner.forward({"in": x})
    found = runner.backward(values, np.ones_like(x))["in"]
    np.testing.assert_allclose(found, np.tanh(x) + x * (1 - np.tanh(x) ** 2), rtol=1e-12)


def test_a_branch_that_reaches_no_output_is_left_out_of_the_gradient():
    nodes = [Node("Tanh", ("in",), "unused"), Node("Abs", ("in",), "out")]
    runner = NumpyProgram(Program("branch", {"in": (2,)}, "out", nodes, {}), np.float64)
    values = runner.forward({"in": np.array([[1.0, -2.0]])})
    found = runner.backward(values, np.ones((1, 2)))["in"]
    np.testing.assert_array_equal(found, [[1.0, -1.0]])
