"""The graph that ONNX Runtime Training differentiates, in plain onnxruntime."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from bitprior_export.graphs.training.measured import build_measured
from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.errors import UsageError
from bitprior_runtime.program import Node, Program
from builders.bundles import tiny_bundle
from builders.sensing import conv_sensing
from builders.surgery import NETWORKS, random_weights


def networks(bits):
    bundle = tiny_bundle(bits)
    dcgan = NETWORKS["dcgan"](random_weights(bits))
    return [(bundle.generator, bundle.sensing), (dcgan, conv_sensing((3, 64, 64)))]


@pytest.mark.parametrize("bits", [1, 3, 32])
def test_it_measures_what_the_latent_in_it_draws(bits):
    for generator, sensing in networks(bits):
        model = build_measured(generator, sensing, rows=2)
        (shape,) = generator.inputs.values()
        z = np.random.default_rng(0).standard_normal((2, *shape)).astype(np.float32)
        (latent,) = [tensor for tensor in model.graph.initializer if tensor.name == "z"]
        assert list(latent.dims) == [2, *shape]
        latent.CopyFrom(numpy_helper.from_array(z, "z"))
        session = onnxruntime.InferenceSession(model.SerializeToString())
        engine = FloatEngine(generator, sensing)
        expected = engine.sense(engine.generate(z))
        (found,) = session.run(["y"], {})
        assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


def test_it_has_only_ops_of_its_opset():
    generator, sensing = networks(4)[1]
    model = build_measured(generator, sensing, rows=1)
    onnx.checker.check_model(model, full_check=True)
    assert [entry.version for entry in model.opset_import] == [14]
    assert model.ir_version <= 10
    assert "ConvTranspose" not in {node.op_type for node in model.graph.node}


def test_an_op_of_a_newer_opset_is_refused():
    node = Node("ReduceMean", ("x",), "y", {"axes": (2, 3), "keepdims": 0})
    sensing = Program("sensing", {"x": (1, 2, 3)}, "y", (node,), {})
    with pytest.raises(UsageError, match="opset 14"):
        build_measured(tiny_bundle(4).generator, sensing, rows=1)
