"""Every engine, on every kernel, through the same tests.

The float engine on numpy, in float64, is the definition. Engines in float32 must give its values
to rounding; the low-precision engine must point where it points. An engine that cannot run an op
has to say so by name.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from bitprior_export.artefacts.write import write_artefacts
from bitprior_export.bundle.writer import write_bundle
from bitprior_export.calibration import calibrate
from bitprior_export.cuts import cut
from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.engines.registry import KINDS, EngineContext
from bitprior_runtime.errors import BitpriorError
from bitprior_runtime.ops import OPS
from bitprior_runtime.profiles import load_profile
from bitprior_runtime.shapes import infer_shapes
from builders import surgery
from builders.bundles import tiny_bundle
from builders.cases import name_of
from builders.op_cases import CASES
from builders.wrapped import bundle_of, linear_sensing, op_bundle, scaled_weights

# Ops that have no integer form, and ops that have no kernel in C yet: numpy takes those programs.
NOT_INTEGER = {"Exp", "HardSwish", "InstanceNormalization", "Log", "MaxPool", "Pow", "Sqrt"}
NOT_NATIVE_FLOAT = {
    "AveragePool", "Exp", "HardSigmoid", "HardSwish", "InstanceNormalization", "Log", "MaxPool",
    "Neg", "Pow", "PRelu", "Selu", "Sqrt",
}  # fmt: skip
KIND_IDS = [f"{kind.engine}/{kind.kernel}" for kind in KINDS]
ACTIVATION_BITS = 16
FLOAT_TOLERANCE = 3e-5
# With 16-bit activations: of an image's size, and of a gradient's direction (1 - cosine), which a
# Relu near its kink turns by a whole term.
INTEGER_IMAGE, INTEGER_DIRECTION = 5e-3, 2e-2


def calibrated(bundle):
    """Return the bundle with ranges for the integer engine."""
    golden = bundle.golden
    found = calibrate(
        bundle.generator,
        bundle.sensing,
        golden.images,
        golden.latents,
        "max",
        activation_bits=ACTIVATION_BITS,
    )
    return replace(bundle, manifest=replace(bundle.manifest, calibration=found))


@pytest.fixture(scope="module")
def engine_of(tmp_path_factory):
    """Make an engine for a bundle; the onnx engine finds its files beside it."""

    def make(kind, bundle):
        path = None
        if kind.engine == "onnx":
            folder = tmp_path_factory.mktemp("onnx")
            files = write_artefacts(bundle, folder / "system-onnx", load_profile("pc"))
            hashes = {file.name: file.sha256 for file in files}
            bundle = replace(bundle, manifest=replace(bundle.manifest, companions=hashes))
            path = folder / "system.bitprior"
            write_bundle(path, bundle)
        return kind.make(EngineContext(bundle, path))

    return make


def rms(values):
    """Return the root of the mean square."""
    return np.sqrt(np.square(values).mean())


def assert_conforms(engine, bundle, batch):
    """Compare an engine with the float engine in float64."""
    exact = FloatEngine(bundle.generator, bundle.sensing, np.float64)
    rows = np.arange(batch) % len(bundle.golden.latents)
    z, y = bundle.golden.latents[rows], bundle.golden.measurements[rows]
    image, loss, gradient = exact.generate(z), *exact.value_and_grad(z, y)
    found_loss, found = engine.value_and_grad(z, y)
    drawn = engine.generate(z)
    assert {drawn.dtype, found.dtype, found_loss.dtype} == {np.dtype(np.float32)}
    assert (drawn.shape, found.shape, found_loss.shape) == (image.shape, z.shape, (batch,))
    sensed = exact.sense(image)
    if engine.name == "integer":
        assert rms(drawn - image) <= INTEGER_IMAGE * rms(image)
        assert np.abs(engine.sense(image) - sensed).max() <= 0.01 * np.abs(sensed).max()
        lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(gradient, axis=1)
        assert (1 - np.einsum("bk,bk->b", found, gradient) / lengths).max() <= INTEGER_DIRECTION
        np.testing.assert_array_equal(engine.loss(z, y), found_loss)
        return
    assert np.abs(drawn - image).max() <= FLOAT_TOLERANCE
    assert np.abs(engine.sense(image) - sensed).max() <= FLOAT_TOLERANCE * np.abs(sensed).max()
    assert np.abs(found - gradient).max() <= FLOAT_TOLERANCE * np.abs(gradient).max()
    # The residual is a difference of measurements: it carries their rounding.
    assert np.abs(found_loss - loss).max() <= FLOAT_TOLERANCE * (sensed**2).sum(1).max()
    np.testing.assert_allclose(engine.loss(z, y), found_loss, rtol=1e-5, atol=1e-9)


def lacks(kind, case):
    """Say whether an engine has to refuse a case."""
    inputs = case.reads or ("in", *case.constants)
    products = case.op in ("Mul", "Div") and not set(inputs) & set(case.constants)
    inverse = case.op == "Div" and inputs[-1] not in case.constants
    linear = case.op == "Resize" and case.attributes.get("mode") == "linear"
    padded = case.op == "Pad" and case.attributes.get("value", 0.0) != 0.0
    if kind.engine == "integer":
        return case.op in NOT_INTEGER or products or inverse or linear or padded
    if (kind.engine, kind.kernel) == ("float", "native"):
        return case.op in NOT_NATIVE_FLOAT or inverse or linear
    return False


@pytest.mark.parametrize("case", CASES, ids=name_of)
@pytest.mark.parametrize("kind", KINDS, ids=KIND_IDS)
def test_an_engine_runs_every_op_or_names_the_one_it_cannot(kind, case, engine_of):
    bundle = calibrated(op_bundle(case))
    if lacks(kind, case):
        with pytest.raises(BitpriorError, match=case.op):
            engine_of(kind, bundle)
        return
    assert_conforms(engine_of(kind, bundle), bundle, batch=3)


def test_the_cases_hold_every_op():
    assert {case.op for case in CASES} == set(OPS)


def output_named_x(program):
    """Return the program with the output name a bundle asks for."""
    *nodes, last = program.nodes
    return replace(program, output="x", nodes=(*nodes, replace(last, output="x")))


@cache
def system(name, bits):
    """Return a whole system at a bit width; cut generators have two parts in their latent."""
    if name == "mlp":
        return calibrated(tiny_bundle(bits=bits))
    if name == "cut began":
        narrow = surgery.began(scaled_weights(bits, gain=0.9), width=2, latent=8)
        generator = cut(output_named_x(narrow), 2).program
    else:
        generator = surgery.dcgan(scaled_weights(bits), width=2, latent=8)
        generator = cut(generator, 1).program if name == "cut dcgan" else generator
    geometry = infer_shapes(generator)[generator.output]
    return calibrated(bundle_of(generator, linear_sensing(geometry), step_size=1e-5))


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 32])
@pytest.mark.parametrize("name", ["mlp", "dcgan", "cut dcgan", "cut began"])
@pytest.mark.parametrize("kind", KINDS, ids=KIND_IDS)
def test_an_engine_runs_whole_systems_at_every_width_and_batch(kind, name, bits, engine_of):
    bundle = system(name, bits)
    engine = engine_of(kind, bundle)
    for batch in (1, 3, 16) if name == "mlp" else (1, 3):
        assert_conforms(engine, bundle, batch)


@pytest.mark.parametrize("name", ["mlp", "cut began"])
def test_the_integer_engines_agree_bit_for_bit(name, engine_of):
    bundle = system(name, 4)
    z, y = bundle.golden.latents, bundle.golden.measurements
    engines = [engine_of(kind, bundle) for kind in KINDS if kind.engine == "integer"]
    reference, *others = ([*engine.value_and_grad(z, y), engine.generate(z)] for engine in engines)
    for other in others:
        for found, expected in zip(other, reference, strict=True):
            np.testing.assert_array_equal(found, expected)
