"""What rounded weights add to all measurements alike is taken out again."""

import numpy as np

from bitprior_runtime.bundle import GoldenCases
from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.engines.integer_engine import IntegerEngine
from bitprior_runtime.integer.compile import compile_plan
from bitprior_runtime.program import Node, Program
from bitprior_runtime.tensors import FloatTensor
from builders.bundles import tiny_bundle
from builders.integers import chain, ranges


def _priors(pixels=400, measurements=20, cases=8):
    """Return a prior of bright images, whose sensing weights are rounded to 8 bits."""
    rng = np.random.default_rng(3)
    draw = FloatTensor((rng.standard_normal((pixels, 5)) / 10).astype(np.float32))
    base = FloatTensor(np.full(pixels, 2.0, np.float32))
    generator = chain(
        (5,),
        ("Gemm", ("w", "b"), {"transB": 1}),
        ("Sigmoid", (), {}),
        tensors={"w": draw, "b": base},
    )
    weight = rng.standard_normal((measurements, pixels)).astype(np.float32)
    sensing = Program(
        "sensing",
        {"x": (pixels,)},
        "y",
        [Node("Gemm", ("x", "m"), "y", {"transB": 1})],
        {"m": FloatTensor(weight)},
    )
    z = rng.standard_normal((cases, 5)).astype(np.float32)
    exact = FloatEngine(generator, sensing)
    images = exact.generate(z)
    sensed = exact.sense(images)
    y = np.zeros_like(sensed)
    golden = GoldenCases(z, y, images, sensed, z, y[:, 0], np.stack([y[:, 0]] * 11))
    return generator, sensing, golden, rng.standard_normal((50, 5)).astype(np.float32)


def test_the_correction_takes_out_most_of_what_rounded_weights_add():
    generator, sensing, golden, z = _priors()
    calibration = ranges(generator, sensing, z, 8)
    exact = FloatEngine(generator, sensing)
    x = exact.generate(z)
    plain, corrected = (
        IntegerEngine(generator, sensing, calibration, 8, cases) for cases in (None, golden)
    )
    off = [np.linalg.norm(engine.sense(x) - exact.sense(x)) for engine in (plain, corrected)]
    assert off[1] < 0.5 * off[0]


def test_the_correction_is_the_mean_shortfall_on_the_golden_images():
    generator, sensing, golden, z = _priors()
    calibration = ranges(generator, sensing, z, 8)
    engine = IntegerEngine(generator, sensing, calibration, 8, golden)
    step = engine.plan.sensing.tensors[engine.plan.sensing.target].step
    left = (golden.sensed - engine.sense(golden.images)).mean(axis=0)
    # What the steps of bias and measurement round.
    bias_step = np.abs(golden.sensed).max() / 2**20
    assert np.abs(left).max() <= 2 * max(step, bias_step) + 1e-5 * np.abs(golden.sensed).max()


def test_only_the_last_bias_differs():
    bundle = tiny_bundle()
    pair = bundle.generator, bundle.sensing
    absmax = ranges(*pair, bundle.golden.latents, 8).absmax
    plain = compile_plan(*pair, absmax, 8)
    shifted = compile_plan(*pair, absmax, 8, np.full(3, 0.25))
    for first, second in zip(plain.sensing.nodes[:-1], shifted.sensing.nodes[:-1], strict=True):
        assert first.name == second.name
        if hasattr(first, "bias"):
            np.testing.assert_array_equal(first.bias, second.bias)
    assert (shifted.sensing.nodes[-1].bias > plain.sensing.nodes[-1].bias).all()


def test_a_network_that_ends_in_another_node_is_not_corrected():
    generator, _, _, z = _priors()
    nodes = [Node("Tanh", ("x",), "y")]
    sensing = Program("sensing", {"x": (400,)}, "y", nodes, {})
    absmax = ranges(generator, sensing, z, 8).absmax
    plain, same = (
        compile_plan(generator, sensing, absmax, 8, correction)
        for correction in (None, np.ones(400))
    )
    np.testing.assert_array_equal(plain.sensing.nodes[-1].values, same.sensing.nodes[-1].values)


def test_an_activation_at_the_end_or_positions_that_share_a_bias_are_not_corrected():
    generator, sensing, _, z = _priors()
    relu = Program(
        "sensing",
        sensing.inputs,
        "r",
        [*sensing.nodes, Node("LeakyRelu", ("y",), "r", {"alpha": 0.1})],
        sensing.tensors,
    )
    rows = Program(
        "sensing",
        {"x": (400,)},
        "y",
        [
            Node("Reshape", ("x",), "rows", {"shape": (20, 20)}),
            Node("MatMul", ("rows", "m"), "y"),
        ],
        {"m": FloatTensor(np.ones((20, 2), np.float32))},
    )
    for network, size in ((relu, 20), (rows, 40)):
        absmax = ranges(generator, network, z, 8).absmax
        plain, same = (
            compile_plan(generator, network, absmax, 8, correction)
            for correction in (None, np.ones(size))
        )
        np.testing.assert_array_equal(plain.sensing.nodes[-1].bias, same.sensing.nodes[-1].bias)
