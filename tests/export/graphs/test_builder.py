"""The graph builder: fresh names, constants in the outermost graph, ops as an opset has them."""

import numpy as np
import pytest

from bitprior_export.graphs import Form
from bitprior_export.graphs.builder import GraphBuilder
from bitprior_runtime.onnx_graph import OnnxGraph


@pytest.mark.parametrize("op", ["ReduceMean", "ReduceMax", "ReduceMin", "ReduceSum"])
@pytest.mark.parametrize("opset", [13, 17, 18, 21, 25])
def test_axes_are_given_as_the_opset_wants_them(op, opset):
    builder = GraphBuilder("reduce", Form(opset, 7))
    x = builder.fresh("x")
    builder.rename_output(builder.add(op, [x, builder.integers([2], "axes")], keepdims=0), "out")
    graph = OnnxGraph(builder.model({"x": (3, 4)}, {"out": (3,)}, {}).SerializeToString())
    values = np.random.default_rng(0).standard_normal((2, 3, 4)).astype(np.float32)
    reduce = {"ReduceMean": np.mean, "ReduceMax": np.max, "ReduceMin": np.min, "ReduceSum": np.sum}
    np.testing.assert_allclose(graph.run({"x": values})["out"], reduce[op](values, axis=2), 1e-5)


def test_a_body_shares_names_and_constants_with_the_graph_around_it():
    outer = GraphBuilder("outer")
    outer.fresh("value")
    body = outer.body("body").body("inner")
    assert body.fresh("value") == "value.1"
    assert outer.fresh("value") == "value.2"
    body.scalar(1.0, "one")
    assert [tensor.name for tensor in outer.initialisers] == ["one"]
    assert body.root is outer


def test_a_scalar_stays_a_scalar():
    builder = GraphBuilder("scalar")
    builder.scalar(2.0, "two")
    assert list(builder.initialisers[0].dims) == []


def test_the_cotangent_of_a_tensor_bears_its_name_even_if_it_has_another_one_already():
    builder = GraphBuilder("names")
    x = builder.fresh("x")
    first = builder.name_cotangent(builder.add("Neg", [x]), "a")
    assert first == "a.cotangent"
    assert [node.op_type for node in builder.nodes] == ["Neg"]  # the node was renamed
    assert builder.name_cotangent(first, "b") == "b.cotangent"
    assert [node.op_type for node in builder.nodes] == ["Neg", "Identity"]
    late = builder.add("Abs", [x])
    builder.add("Neg", [x])
    assert builder.name_cotangent(late, "c") == "c.cotangent"
    assert builder.nodes[-1].op_type == "Identity"  # others may read the value already
