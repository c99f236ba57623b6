"""Forward graphs in float16: what is rounded, and what stays float32."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from bitprior_export.graphs import Form, build_generate, build_sense
from bitprior_export.graphs.half import to_half
from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.onnx_check import HALF
from bitprior_runtime.onnx_graph import OnnxGraph
from builders import convolutional
from builders.bundles import tiny_bundle

RNG = np.random.default_rng(0)


def run(model, **inputs):
    return OnnxGraph(model.SerializeToString()).run(inputs)


@pytest.mark.parametrize("opset", [15, 21, 25])
@pytest.mark.parametrize("bits", [1, 2, 4, 32])
def test_float16_is_off_by_what_its_eleven_bits_cost(bits, opset):
    bundle = tiny_bundle(bits=bits)
    engine = FloatEngine(bundle.generator, bundle.sensing)
    z = RNG.standard_normal((5, 4)).astype(np.float32)
    x = RNG.random((5, 1, 2, 3), dtype=np.float32)
    form = Form(opset, 7 if opset < 25 else 13)
    image = run(to_half(build_generate(bundle.generator, {}, form)), z=z)["image"]
    y = run(to_half(build_sense(bundle.sensing, {}, form)), x=x)["y"]
    assert image.dtype == y.dtype == np.float32
    expected = engine.generate(z)
    assert 0 < np.abs(image - expected).max() < 2e-3
    assert 0 < np.abs(y - engine.sense(x)).max() < 4e-3


def test_a_dcgan_in_float16(tmp_path):
    generator = convolutional.translated(
        convolutional.generator(4), tmp_path / "g.onnx", "generator"
    ).program
    z = convolutional.latents(2).numpy()
    full, half = build_generate(generator, {}), to_half(build_generate(generator, {}))
    difference = run(half, z=z)["image"] - run(full, z=z)["image"]
    assert 0 < np.abs(difference).max() < HALF
    assert np.abs(difference).mean() < 1e-3
    # Packed weights stay packed: they are unpacked in float32, then rounded once.
    kinds = {tensor.data_type for tensor in half.graph.initializer}
    assert TensorProto.INT4 in kinds


def resize_graph():
    """x, doubled in size: by definition the scales are float32."""
    scales = numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales")
    factor = numpy_helper.from_array(np.array(0.3, np.float32), "factor")
    nodes = [
        helper.make_node("Resize", ["x", "", "scales"], ["large"], name="large", mode="nearest"),
        helper.make_node("Mul", ["large", "factor"], ["scaled"], name="scaled"),
        helper.make_node("Mul", ["scaled", "factor"], ["twice"], name="twice"),
        helper.make_node("Identity", ["twice"], ["y"], name="output y"),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "resize",
        [value("x", TensorProto.FLOAT, ["n", 1, 2, 2])],
        [value("y", TensorProto.FLOAT, ["n", 1, 4, 4])],
        [scales, factor],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def test_the_scales_of_a_resize_stay_float32_and_a_constant_is_rounded_once():
    half = to_half(resize_graph())
    kinds = {tensor.name: tensor.data_type for tensor in half.graph.initializer}
    assert kinds == {"scales": TensorProto.FLOAT, "factor.half": TensorProto.FLOAT16}
    casts = [node for node in half.graph.node if node.op_type == "Cast"]
    assert [cast.output[0] for cast in casts] == ["x.half", "y"]
    x = RNG.random((3, 1, 2, 2), dtype=np.float32)
    expected = np.float32(0.09) * x.repeat(2, axis=2).repeat(2, axis=3)
    np.testing.assert_allclose(run(half, x=x)["y"], expected, rtol=3e-3)


def test_the_graph_that_is_converted_is_left_as_it_was():
    model = resize_graph()
    before = model.SerializeToString(deterministic=True)
    onnx.checker.check_model(to_half(model), full_check=True)
    assert model.SerializeToString(deterministic=True) == before


def test_an_output_that_is_not_written_by_identity_is_refused():
    model = resize_graph()
    del model.graph.node[-1]
    model.graph.node[-1].output[0] = "y"
    with pytest.raises(ValueError, match="not by Mul"):
        to_half(model)
