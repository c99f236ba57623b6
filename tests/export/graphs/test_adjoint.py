"""Every adjoint rule as ONNX nodes, run by onnxruntime, against torch autograd and numpy."""

import numpy as np
import onnxruntime
import pytest
import torch

from bitprior_export.graphs.adjoint import RULES, emit_adjoint
from bitprior_export.graphs.builder import GraphBuilder
from bitprior_export.graphs.forward import emit_forward
from bitprior_runtime.engines.tape import NumpyProgram
from bitprior_runtime.ops import OPS
from bitprior_runtime.program import Node, Program
from builders.cases import assert_close, name_of, runs
from builders.op_cases import CASES


def reverse(program, x, cotangent):
    """Run forward and adjoint of a program in onnxruntime."""
    builder = GraphBuilder("reverse")
    source, flowing = builder.fresh("source"), builder.fresh("flowing")
    emitted = emit_forward(builder, program, source)
    found = emit_adjoint(builder, emitted, flowing)
    outputs = {"value": emitted.shapes[program.output], "gradient": tuple(x.shape[1:])}
    builder.rename_output(emitted.output, "value")
    builder.rename_output(found, "gradient")
    shapes = {"source": tuple(x.shape[1:]), "flowing": tuple(cotangent.shape[1:])}
    model = builder.model(shapes, outputs, {})
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {"source": x, "flowing": cotangent})


def test_every_op_has_a_rule():
    assert set(RULES) == set(OPS)


@pytest.mark.parametrize(
    ("case", "kind"), runs(CASES), ids=lambda item: item if isinstance(item, str) else name_of(item)
)
def test_the_adjoint_in_onnxruntime_equals_torch_and_numpy(case, kind):
    x = case.inputs(kind)
    tensor = torch.tensor(np.ascontiguousarray(x), requires_grad=True)
    expected = case.reference(tensor)
    cotangent = np.random.default_rng(2).standard_normal(expected.shape).astype(np.float32)
    value, gradient = reverse(case.program, x, cotangent)
    assert_close(value, expected.detach().numpy())
    runner = NumpyProgram(case.program, np.float32)
    assert_close(gradient, runner.backward(runner.forward({"in": x}), cotangent)["in"])
    if kind == "zero" and case.op == "LeakyRelu":
        return  # any slope between the two is a subgradient at 0
    expected.backward(torch.tensor(cotangent))
    assert_close(gradient, tensor.grad.numpy())


def test_a_tensor_read_twice_gathers_both_cotangents():
    nodes = [Node("Tanh", ("in",), "t"), Node("Mul", ("in", "t"), "out")]
    x = np.array([[0.3, -1.2, 2.0]], np.float32)
    _, found = reverse(Program("square", {"in": (3,)}, "out", nodes, {}), x, np.ones_like(x))
    np.testing.assert_allclose(found, np.tanh(x) + x * (1 - np.tanh(x) ** 2), rtol=1e-5)


@pytest.mark.parametrize("rounding", ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
@pytest.mark.parametrize(
    "transformation", ["half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners"]
)
@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_resize_equals_onnxruntime_between_many_sizes(mode, transformation, rounding):
    if mode == "linear" and rounding != "floor":
        return  # nearest_mode says nothing there
    rng = np.random.default_rng(0)
    for size, wanted in [(1, 3), (2, 1), (3, 7), (4, 6), (5, 5), (6, 10), (7, 3), (8, 24), (9, 4)]:
        attributes = {
            "sizes": (wanted, size),
            "mode": mode,
            "coordinate_transformation_mode": transformation,
            "nearest_mode": rounding,
        }
        node = Node("Resize", ("in",), "out", attributes)
        program = Program("p", {"in": (2, size, wanted)}, "out", [node], {})
        x = rng.standard_normal((2, 2, size, wanted)).astype(np.float32)
        cotangent = rng.standard_normal((2, 2, wanted, size)).astype(np.float32)
        runner = NumpyProgram(program, np.float32)
        values = runner.forward({"in": x})
        value, gradient = reverse(program, x, cotangent)
        assert_close(value, values["out"])
        assert_close(gradient, runner.backward(values, cotangent)["in"])
