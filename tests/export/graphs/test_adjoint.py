"""Every adjoint rule as ONNX nodes, run by onnxruntime, against torch autograd."""

import numpy as np
import onnxruntime
import pytest
import torch

from bitprior_export.graphs.adjoint import RULES, emit_adjoint
from bitprior_export.graphs.builder import GraphBuilder
from bitprior_export.graphs.forward import emit_forward
from bitprior_runtime.ops import OPS
from bitprior_runtime.program import Node, Program
from builders.op_cases import CASES, KINDS, assert_close, inputs, one_op


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


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}{case[1]}{case[2]}")
def test_the_adjoint_in_onnxruntime_equals_torch(case, kind):
    op, shape, attributes, constants, reference = case
    x = inputs(kind, shape)
    tensor = torch.tensor(np.ascontiguousarray(x), requires_grad=True)
    expected = reference(tensor)
    cotangent = np.random.default_rng(2).standard_normal(expected.shape).astype(np.float32)
    value, gradient = reverse(one_op(op, shape, attributes, constants), x, cotangent)
    expected.backward(torch.tensor(cotangent))
    assert_close(value, expected.detach().numpy())
    if kind == "zero" and op == "LeakyRelu":
        return  # any slope between the two is a subgradient at 0
    assert_close(gradient, tensor.grad.numpy())


def test_a_tensor_read_twice_gathers_both_cotangents():
    nodes = [Node("Tanh", ("in",), "t"), Node("Mul", ("in", "t"), "out")]
    x = np.array([[0.3, -1.2, 2.0]], np.float32)
    _, found = reverse(Program("square", {"in": (3,)}, "out", nodes, {}), x, np.ones_like(x))
    np.testing.assert_allclose(found, np.tanh(x) + x * (1 - np.tanh(x) ** 2), rtol=1e-5)
