"""The integer engine as solvers see it."""

import hashlib
import math
from dataclasses import replace

import numpy as np
import pytest

from bitprior_runtime.bundle.manifest import Calibration
from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.engines.integer_engine import IntegerEngine
from bitprior_runtime.errors import ProgramError, UsageError
from bitprior_runtime.integer.plan import MEASUREMENT_MAX, Kind
from bitprior_runtime.program import Node, Program
from bitprior_runtime.solvers import ProximalOptions, proximal
from bitprior_runtime.tensors import FloatTensor, QuantisedTensor
from builders.bundles import tiny_bundle
from builders.integers import ranges

WIDTHS = [(1, "binary"), (2, "mid-rise"), (3, "wide"), (4, "narrow"), (8, "mid-rise"), (32, None)]


def engines(bits=4, grid=None, activation_bits=16, **settings):
    """Return the bundle, the float engine and the integer engine of the tiny MLP."""
    bundle = tiny_bundle(bits=bits, grid=grid, **settings)
    pair = bundle.generator, bundle.sensing
    calibration = ranges(*pair, bundle.golden.latents, activation_bits)
    return bundle, FloatEngine(*pair), IntegerEngine(*pair, calibration)


# With 8 bits, each of some ten roundings is off by up to 0.4 % of a tensor's largest value.
@pytest.mark.parametrize(("bits", "grid"), WIDTHS)
@pytest.mark.parametrize("axis", [0, None])
@pytest.mark.parametrize(("activation_bits", "share"), [(16, 3e-3), (8, 6e-2)])
def test_every_width_and_grid_follows_the_float_engine(bits, grid, axis, activation_bits, share):
    bundle, exact, engine = engines(bits, grid, activation_bits, axis=axis)
    z, y = bundle.golden.latents, bundle.golden.measurements
    assert np.abs(engine.generate(z) - exact.generate(z)).max() <= share
    image = exact.generate(z)
    sensed = exact.sense(image)
    assert np.abs(engine.sense(image) - sensed).max() <= share * np.abs(sensed).max()
    loss, gradient = engine.value_and_grad(z, y)
    expected_loss, expected = exact.value_and_grad(z, y)
    np.testing.assert_allclose(loss, expected_loss, rtol=share)
    assert np.abs(gradient - expected).max() <= share * np.abs(expected).max()


def test_it_says_its_name_and_speaks_float32():
    bundle, _, engine = engines()
    z, y = bundle.golden.latents, bundle.golden.measurements
    assert (engine.name, engine.kernel) == ("integer", "numpy")
    loss, gradient = engine.value_and_grad(z, y)
    found = [engine.generate(z), engine.sense(engine.generate(z)), loss, gradient]
    assert {value.dtype for value in found} == {np.dtype(np.float32)}
    assert gradient.shape == z.shape
    np.testing.assert_array_equal(engine.loss(z, y), loss)


@pytest.mark.parametrize("activation_bits", [8, 16])
def test_a_row_does_not_depend_on_the_rows_beside_it(activation_bits):
    bundle, _, engine = engines(activation_bits=activation_bits, cases=5)
    z, y = bundle.golden.latents, bundle.golden.measurements
    loss, gradient = engine.value_and_grad(z, y)
    for row in range(len(z)):
        alone = engine.value_and_grad(z[row : row + 1], y[row : row + 1])
        np.testing.assert_array_equal(alone[0], loss[row : row + 1])
        np.testing.assert_array_equal(alone[1], gradient[row : row + 1])


def test_the_loss_is_the_exact_sum_of_the_integer_residuals():
    bundle, _, engine = engines()
    z, y = bundle.golden.latents, bundle.golden.measurements
    step = engine.plan.sensing.tensors[engine.plan.sensing.target].step
    sensed = np.rint(engine.sense(engine.generate(z)).astype(np.float64) / step)
    residual = sensed - np.rint(y.astype(np.float64) / step)
    expected = [math.fsum(row * row) * (step * step) for row in residual]
    np.testing.assert_array_equal(engine.loss(z, y), np.float32(expected))


def test_a_measurement_met_exactly_has_no_loss_and_no_gradient():
    bundle, _, engine = engines()
    z = bundle.golden.latents
    step = engine.plan.sensing.tensors[engine.plan.sensing.target].step
    y = np.rint(engine.sense(engine.generate(z)).astype(np.float64) / step) * step
    loss, gradient = engine.value_and_grad(z, y)
    assert not loss.any()
    assert not gradient.any()


def test_latents_beyond_the_range_saturate_and_nan_counts_as_zero():
    bundle, _, engine = engines()
    z = bundle.golden.latents[:1]
    far, endless, unknown, nothing = (np.full_like(z, v) for v in (1e30, np.inf, np.nan, 0.0))
    np.testing.assert_array_equal(engine.generate(far), engine.generate(endless))
    np.testing.assert_array_equal(engine.generate(unknown), engine.generate(nothing))


def test_measurements_beyond_the_grid_saturate():
    bundle, _, engine = engines()
    z = bundle.golden.latents[:1]
    tensor = engine.plan.sensing.tensors[engine.plan.sensing.target]
    y = np.full((1, 3), 2 * MEASUREMENT_MAX * tensor.step, np.float32)
    np.testing.assert_array_equal(engine.loss(z, y), engine.loss(z, y * 2))


def test_the_bits_are_the_calibrations_unless_others_are_asked_for():
    bundle = tiny_bundle()
    pair = bundle.generator, bundle.sensing
    calibration = ranges(*pair, bundle.golden.latents, 8)
    assert IntegerEngine(*pair, calibration).plan.activation_bits == 8
    assert IntegerEngine(*pair, calibration, 16).plan.activation_bits == 16


def test_activations_and_cotangents_have_widths_of_their_own():
    bundle = tiny_bundle()
    pair = bundle.generator, bundle.sensing
    wide = ranges(*pair, bundle.golden.latents, 16)
    mixed = IntegerEngine(*pair, replace(wide, cotangent_bits=8))
    assert (mixed.plan.activation_bits, mixed.plan.cotangent_bits) == (16, 8)
    z, y = bundle.golden.latents, bundle.golden.measurements
    # The forward pass is that of 16 bits, the cotangents those of 8.
    assert mixed.generate(z).tobytes() == IntegerEngine(*pair, wide).generate(z).tobytes()
    for program in (mixed.plan.generator, mixed.plan.sensing):
        limits = [node.cotangent_limit for node in program.nodes if node.kind is Kind.DENSE]
        assert limits
        assert max(limits) <= 127
    forced = IntegerEngine(*pair, replace(wide, cotangent_bits=8), 16)
    assert forced.value_and_grad(z, y)[1].tobytes() == (
        IntegerEngine(*pair, wide).value_and_grad(z, y)[1].tobytes()
    )


def test_a_bundle_without_ranges_is_refused_with_what_to_do():
    bundle = tiny_bundle()
    with pytest.raises(UsageError, match=r"calibrated ranges.*export the run again"):
        IntegerEngine(bundle.generator, bundle.sensing, None)


def test_scales_along_the_inputs_are_refused():
    bundle = tiny_bundle(axis=1)
    with pytest.raises(ProgramError, match=r"scales along axis 0.*along axis 1"):
        IntegerEngine(bundle.generator, bundle.sensing, Calibration(8, {}))


def test_scales_of_zero_are_refused():
    bundle = tiny_bundle()
    weight = bundle.generator.tensors["fc0.weight"]
    zero = QuantisedTensor(weight.codes, 4, "wide", 0 * weight.scale, 0)
    generator = replace(bundle.generator, tensors={**bundle.generator.tensors, "fc0.weight": zero})
    with pytest.raises(ProgramError, match="scales above zero"):
        IntegerEngine(generator, bundle.sensing, Calibration(8, {}))


def test_a_recovery_ends_where_the_float_engines_ends():
    bundle, exact, engine = engines()
    golden = bundle.golden
    options = ProximalOptions(20, bundle.manifest.solver.step_size, 3)
    found = proximal(engine, golden.measurements, golden.latents, options)
    expected = proximal(exact, golden.measurements, golden.latents, options)
    np.testing.assert_allclose(found.loss, expected.loss, rtol=2e-2)


def _everything():
    """Return a generator with every kind of node, and ranges that no machine worked out."""
    rng = np.random.default_rng(7)

    def codes(*shape, axis):
        values = rng.integers(0, 16, shape, dtype=np.uint8)
        scale = (rng.integers(8, 32, shape[axis]) / 256).astype(np.float32)
        return QuantisedTensor(values, 4, "wide", scale, axis)

    def floats(*shape):
        return FloatTensor((rng.integers(-64, 64, shape) / 128).astype(np.float32))

    generator = Program(
        "generator",
        {"z": (6,)},
        "x",
        [
            Node("Gemm", ("z", "w0", "b0"), "h0", {"transB": 1}),
            Node("Reshape", ("h0",), "h1", {"shape": (3, 2, 2)}),
            Node("LeakyRelu", ("h1",), "h2", {"alpha": 0.2}),
            Node(
                "ConvTranspose",
                ("h2", "w1", "b1"),
                "h3",
                {"strides": (2, 2), "pads": (1, 1, 1, 1)},
            ),
            Node("Elu", ("h3",), "h4", {"alpha": 1.0}),
            Node(
                "Resize",
                ("h2",),
                "h5",
                {"sizes": (4, 4), "coordinate_transformation_mode": "asymmetric"},
            ),
            Node("Concat", ("h4", "h5"), "h6", {"axis": 1}),
            Node("Conv", ("h6", "w2"), "h7", {"pads": (1, 1, 1, 1)}),
            Node("GlobalAveragePool", ("h7",), "h8"),
            Node("Sub", ("h7", "h8"), "h9"),
            Node("Sigmoid", ("h9",), "x"),
        ],
        {
            "w0": codes(12, 6, axis=0),
            "b0": floats(12),
            "w1": codes(3, 2, 4, 4, axis=1),
            "b1": floats(2),
            "w2": codes(1, 5, 3, 3, axis=0),
        },
    )
    sensing = Program(
        "sensing",
        {"x": (1, 4, 4)},
        "y",
        [
            Node("Mul", ("x", "two"), "d"),
            Node("Sub", ("d", "one"), "s"),
            Node("Conv", ("s", "w", "b"), "c", {"strides": (2, 2)}),
            Node("LeakyRelu", ("c",), "a", {"alpha": 0.1}),
            Node("Flatten", ("a",), "f", {"axis": 1}),
            Node("MatMul", ("f", "m"), "y"),
        ],
        {
            "two": FloatTensor(np.array(2.0, np.float32)),
            "one": FloatTensor(np.array(1.0, np.float32)),
            "w": floats(4, 1, 2, 2),
            "b": floats(4),
            "m": floats(16, 3),
        },
    )
    known = {
        "generator": {node.output: 4.0 for node in generator.nodes} | {"z": 2.0, "x": 1.0},
        "sensing": {node.output: 2.0 for node in sensing.nodes} | {"x": 1.0},
    }
    return generator, sensing, known


def _recovered(activation_bits):
    generator, sensing, known = _everything()
    engine = IntegerEngine(generator, sensing, Calibration(8, known), activation_bits)
    rng = np.random.default_rng(8)
    z = (rng.integers(-128, 128, (4, 6)) / 128).astype(np.float32)
    y = (rng.integers(-128, 128, (4, 3)) / 128).astype(np.float32)
    solution = proximal(engine, y, z, ProximalOptions(30, 0.02, 5))
    return engine, z, y, solution


@pytest.mark.parametrize(
    ("activation_bits", "digest"),
    [
        (8, "ec48fa03a510d4ec123cc91917582a8371cf5bdb78046cad9e729edded53a4ed"),
        (16, "2145b7c576efedbdc1efc1c42a5053ac79f3cce029b16dd59d163cd38ddf004d"),
    ],
)
def test_a_recovery_is_the_same_bit_for_bit_on_every_machine(activation_bits, digest):
    engine, _, _, solution = _recovered(activation_bits)
    found = [solution.latent, solution.history, engine.generate(solution.latent)]
    written = b"".join(value.astype("<f4").tobytes() for value in found)
    assert hashlib.sha256(written).hexdigest() == digest


def test_a_network_of_every_kind_of_node_follows_the_float_engine():
    engine, z, y, _ = _recovered(16)
    generator, sensing, _ = _everything()
    exact = FloatEngine(generator, sensing)
    assert np.abs(engine.generate(z) - exact.generate(z)).max() <= 1e-3
    _, gradient = engine.value_and_grad(z, y)
    _, expected = exact.value_and_grad(z, y)
    assert np.abs(gradient - expected).max() <= 1e-2 * np.abs(expected).max()
