"""Every op against its ONNX definition in torch: forward and vector-Jacobian product."""

import numpy as np
import pytest
import torch

from bitprior_runtime.engines.tape import NumpyProgram
from bitprior_runtime.ops import OPS
from bitprior_runtime.program import Node, Program
from builders.cases import assert_close, name_of, runs
from builders.op_cases import CASES


def test_every_op_has_a_case():
    assert {case.op for case in CASES} == set(OPS)


@pytest.mark.parametrize(
    ("case", "kind"), runs(CASES), ids=lambda item: item if isinstance(item, str) else name_of(item)
)
def test_forward_and_vjp_equal_torch(case, kind):
    x = case.inputs(kind)
    runner = NumpyProgram(case.program, np.float32)
    values = runner.forward({"in": x})
    tensor = torch.tensor(np.ascontiguousarray(x), requires_grad=True)
    expected = case.reference(tensor)
    assert_close(values["out"], expected.detach().numpy())
    cotangent = np.random.default_rng(2).standard_normal(expected.shape).astype(np.float32)
    expected.backward(torch.tensor(cotangent))
    found = runner.backward(values, cotangent)["in"]
    if kind == "zero" and case.op == "LeakyRelu":
        return  # any slope between the two is a subgradient at 0
    assert_close(found, tensor.grad.numpy())


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_vjp_equals_finite_differences_in_20_directions(case):
    runner = NumpyProgram(case.program, np.float64)
    rng = np.random.default_rng(3)
    x = rng.standard_normal((2, *case.shape))
    if case.domain == "positive":
        x = np.abs(x) + 0.5
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
