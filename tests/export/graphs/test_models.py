"""gradient, generate and sense as ONNX models: right in onnxruntime, small on disk."""

import numpy as np
import onnx
import onnxruntime
import pytest

from bitprior_export.graphs import build_generate, build_gradient, build_sense
from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.program import Node, Program
from bitprior_runtime.tensors import FloatTensor, QuantisedTensor
from builders.bundles import tiny_bundle

RNG = np.random.default_rng(0)


def run(model, **inputs):
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, inputs)


def wide_prior(bits):
    """A prior of the MNIST generator's first layers' size, with a sensing network of 32 bits."""
    codes = RNG.integers(0, 2**bits, (500, 500), dtype=np.uint8)
    grid = "binary" if bits == 1 else "wide"
    scale = np.full(500, 0.01, np.float32)
    tensors = {
        "w": QuantisedTensor(codes, bits, grid, scale, 0),
        "a": FloatTensor(np.ones((500, 2), np.float32)),
    }
    generator = Program(
        "generator", {"z": (500,)}, "x", [Node("Gemm", ("z", "w"), "x", {"transB": 1})], tensors
    )
    sensing = Program(
        "sensing", {"x": (500,)}, "y", [Node("MatMul", ("x", "a"), "y")], {"a": tensors.pop("a")}
    )
    return generator, sensing, codes.size


@pytest.mark.parametrize("batch", [1, 3, 16])
@pytest.mark.parametrize("axis", [0, None])
@pytest.mark.parametrize(
    ("bits", "grid"),
    [
        (1, "binary"),
        (2, "wide"),
        (3, "wide"),
        (4, "wide"),
        (4, "narrow"),
        (3, "mid-rise"),
        (4, "mid-rise"),
        (32, None),
    ],
)
def test_the_gradient_graph_equals_the_float_engine(bits, grid, axis, batch):
    bundle = tiny_bundle(bits=bits, grid=grid, axis=axis)
    engine = FloatEngine(bundle.generator, bundle.sensing)
    z = RNG.standard_normal((batch, 4)).astype(np.float32)
    y = RNG.standard_normal((batch, 3)).astype(np.float32)
    loss, gradient, image = run(build_gradient(bundle.generator, bundle.sensing, {}), z=z, y=y)
    expected_loss, expected_gradient = engine.value_and_grad(z, y)
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-5)
    scale = np.abs(expected_gradient).max()
    np.testing.assert_allclose(gradient, expected_gradient, atol=1e-5 * scale)
    np.testing.assert_allclose(image, engine.generate(z), atol=1e-6)


def test_generate_and_sense_equal_the_float_engine():
    bundle = tiny_bundle()
    engine = FloatEngine(bundle.generator, bundle.sensing)
    z = RNG.standard_normal((5, 4)).astype(np.float32)
    (image,) = run(build_generate(bundle.generator, {}), z=z)
    np.testing.assert_allclose(image, engine.generate(z), atol=1e-6)
    (y,) = run(build_sense(bundle.sensing, {}), x=image)
    np.testing.assert_allclose(y, engine.sense(image), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("bits", "most"), [(1, 0.2), (2, 0.35), (3, 0.45), (4, 0.6)])
def test_weights_stay_low_bit_on_disk_and_appear_once(bits, most):
    generator, sensing, weights = wide_prior(bits)
    model = build_gradient(generator, sensing, {})
    assert model.ByteSize() <= most * weights
    # The whole file but its packed codes takes next to nothing: nothing is stored twice.
    assert model.ByteSize() - weights * bits / 8 < 0.06 * weights


@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_packed_weights_are_unpacked_to_the_very_values(bits):
    generator, _, _ = wide_prior(bits)
    x = np.eye(500, dtype=np.float32)
    (image,) = run(build_generate(generator, {}), z=x)
    np.testing.assert_array_equal(image, generator.tensors["w"].values().T)


def test_metadata_and_pinned_versions_are_in_the_file():
    model = build_sense(tiny_bundle().sensing, {"name": "tiny", "bits": "4"})
    assert {entry.key: entry.value for entry in model.metadata_props} == {
        "name": "tiny",
        "bits": "4",
    }
    assert [entry.version for entry in model.opset_import] == [21]
    assert model.ir_version == 10
    assert all(node.domain == "" for node in model.graph.node)
    onnx.checker.check_model(model, full_check=True)
