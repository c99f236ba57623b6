"""gradient, generate and sense as ONNX models: right in onnxruntime, small on disk."""

import numpy as np
import onnx
import pytest

from bitprior_export.graphs import (
    Form,
    StepRule,
    build_generate,
    build_gradient,
    build_recover,
    build_sense,
)
from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.onnx_session import open_session
from bitprior_runtime.program import Node, Program
from bitprior_runtime.tensors import FloatTensor, QuantisedTensor
from builders.bundles import tiny_bundle

RNG = np.random.default_rng(0)


def run(model, **inputs):
    return open_session(model.SerializeToString()).run(None, inputs)


def layer(name, bits, source, target, sizes):
    """One linear layer with random codes and a scale a channel; float weights at 32 bits."""
    rows, columns = sizes
    if bits == 32:
        weight = FloatTensor(RNG.standard_normal((rows, columns)).astype(np.float32))
    else:
        codes = RNG.integers(0, 2**bits, (rows, columns), dtype=np.uint8)
        grid = "binary" if bits == 1 else "wide"
        weight = QuantisedTensor(codes, bits, grid, np.full(rows, 0.01, np.float32), 0)
    node = Node("Gemm", (source, "w"), target, {"transB": 1})
    return Program(name, {source: (columns,)}, target, [node], {"w": weight})


def wide_prior(bits, sensing_bits=32, measurements=2):
    """A prior of the MNIST generator's first layer's size, its sensing network and its weights."""
    generator = layer("generator", bits, "z", "x", (500, 500))
    sensing = layer("sensing", sensing_bits, "x", "y", (measurements, 500))
    return generator, sensing, 500 * 500


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


@pytest.mark.parametrize("build", [build_gradient, build_recover])
@pytest.mark.parametrize(("bits", "most"), [(1, 0.2), (2, 0.35), (3, 0.45), (4, 0.6)])
def test_weights_stay_low_bit_on_disk_and_appear_once(bits, most, build):
    generator, sensing, weights = wide_prior(bits)
    extra = (StepRule(momentum=True),) if build is build_recover else ()
    size = build(generator, sensing, *extra, {}).ByteSize()
    # The generator's share: the sensing network has 1,000 weights of 4 bytes here.
    assert size - 4 * 1000 <= most * weights
    # All of the file but its packed codes takes next to nothing: nothing is stored twice.
    assert size - weights * bits / 8 < 0.06 * weights


@pytest.mark.parametrize("form", [Form(), Form(opset=25, ir_version=13), Form(opset=15)])
@pytest.mark.parametrize(("bits", "most"), [(1, 0.2), (2, 0.35), (4, 0.6)])
def test_a_whole_file_is_small_if_the_sensing_network_is_low_bit_too(bits, most, form):
    generator, sensing, weights = wide_prior(bits, sensing_bits=bits, measurements=250)
    assert build_gradient(generator, sensing, {}, form).ByteSize() <= most * (weights + 250 * 500)


@pytest.mark.parametrize("bits", [2, 4])
def test_int2_and_int4_hold_the_very_values_too(bits):
    generator, _, _ = wide_prior(bits)
    model = build_generate(generator, {}, Form(opset=25, ir_version=13))
    names = {tensor.name for tensor in model.graph.initializer}
    assert names == {f"generator/w.int{bits}", "generator/w.scale"}
    (image,) = run(model, z=np.eye(500, dtype=np.float32))
    np.testing.assert_array_equal(image, generator.tensors["w"].values().T)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_codes_that_do_not_fill_a_byte_are_packed_right(bits, count):
    program = layer("generator", bits, "z", "x", (1, count))
    for form in (Form(), Form(opset=25, ir_version=13)):
        (found,) = run(build_generate(program, {}, form), z=np.eye(count, dtype=np.float32))
        np.testing.assert_array_equal(found, program.tensors["w"].values().T)


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
