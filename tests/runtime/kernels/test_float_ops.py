"""Every op the native runner knows, against its numpy definition."""

import numpy as np
import pytest

from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.engines.native_float_engine import NativeFloatEngine
from bitprior_runtime.kernels.float_nodes import RULES
from bitprior_runtime.kernels.float_scope import UnsupportedOpError
from bitprior_runtime.ops import OPS
from bitprior_runtime.program import Node, Program
from bitprior_runtime.tensors import FloatTensor
from builders.op_cases import CASES
from builders.single_op import as_prior, assert_engines_agree, one_op


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_an_op_equals_its_numpy_definition(instructions, case):
    engine = NativeFloatEngine(*as_prior(case.program), instructions)
    z = case.inputs("random").reshape(3, -1)
    assert_engines_agree(engine, case.program, 3, latents=z)


def test_the_runner_knows_every_op():
    assert RULES.keys() == OPS.keys()


def chain(*nodes, shape=(6,), **tensors):
    """Return a program of several nodes over constants."""
    constants = {name: FloatTensor(np.asarray(v, np.float32)) for name, v in tensors.items()}
    return Program("chain", {"in": shape}, nodes[-1].output, nodes, constants)


RNG = np.random.default_rng(0)
SQUARE = RNG.standard_normal((6, 6))
CHAINS = {
    "a residual branch": chain(
        Node("Gemm", ("in", "W"), "a"),
        Node("Relu", ("a",), "b"),
        Node("Add", ("b", "in"), "c"),
        Node("Tanh", ("c",), "d"),
        W=SQUARE,
    ),
    "a value read twice before and after its function": chain(
        Node("Gemm", ("in", "W"), "a"),
        Node("Relu", ("a",), "b"),
        Node("Mul", ("a", "b"), "c"),
        W=SQUARE,
    ),
    "a square": chain(Node("Mul", ("in", "in"), "a")),
    "twice itself": chain(Node("Gemm", ("in", "W"), "a"), Node("Add", ("a", "a"), "b"), W=SQUARE),
    "nothing left": chain(Node("Sub", ("in", "in"), "a")),
    "a shape that repeats": chain(
        Node("Reshape", ("in",), "a", {"shape": (2, 3)}),
        Node("Mul", ("a", "k"), "b"),
        Node("Sub", ("k", "b"), "c"),
        k=RNG.standard_normal((2, 1)),
    ),
    "an activation repeated by a constant": chain(
        Node("Add", ("in", "k"), "a"), shape=(2, 1), k=RNG.standard_normal((2, 3))
    ),
    "an activation repeated by another": chain(
        Node("Reshape", ("in",), "a", {"shape": (2, 3)}),
        Node("MatMul", ("a", "M"), "b"),
        Node("Mul", ("a", "b"), "c"),
        M=RNG.standard_normal((3, 1)),
    ),
    "a function of a reshaped value that is read elsewhere": chain(
        Node("Gemm", ("in", "W"), "a"),
        Node("Reshape", ("a",), "b", {"shape": (2, 3)}),
        Node("Tanh", ("b",), "c"),
        Node("Flatten", ("c",), "d"),
        Node("Add", ("d", "a"), "e"),
        W=SQUARE,
    ),
    "a negative slope below zero": chain(
        Node("Gemm", ("in", "W"), "a"), Node("LeakyRelu", ("a",), "b", {"alpha": -0.5}), W=SQUARE
    ),
    "a node nobody needs": chain(
        Node("Tanh", ("in",), "unread"), Node("Sigmoid", ("in",), "a"), W=SQUARE
    ),
    "one weight for three layers": chain(
        Node("Gemm", ("in", "W"), "a"),
        Node("Gemm", ("a", "W"), "b", {"alpha": 0.5, "transB": 1}),
        Node("MatMul", ("b", "W"), "c"),
        W=SQUARE,
    ),
    "a quotient that its function overwrites": chain(
        Node("Sigmoid", ("in",), "a"), Node("Div", ("in", "a"), "b"), Node("Tanh", ("b",), "c")
    ),
    "an activation divided by itself": chain(
        Node("Exp", ("in",), "a"), Node("Div", ("a", "a"), "b"), Node("Mul", ("b", "in"), "c")
    ),
    "a root that its function overwrites": chain(
        Node("Exp", ("in",), "a"), Node("Sqrt", ("a",), "b"), Node("HardSigmoid", ("b",), "c")
    ),
    "a logarithm of a value only it reads": chain(
        Node("Sigmoid", ("in",), "a"),
        Node("Add", ("a", "k"), "b"),
        Node("Log", ("b",), "c"),
        k=np.ones(6),
    ),
    "a normalised value pooled and squashed": chain(
        Node("InstanceNormalization", ("in", "s", "b"), "a", {"epsilon": 1e-3}),
        Node("HardSwish", ("a",), "b2"),
        Node("MaxPool", ("b2",), "c", {"kernel_shape": (2, 3), "strides": (1, 2)}),
        Node("Tanh", ("c",), "d"),
        shape=(2, 4, 7),
        s=RNG.standard_normal(2),
        b=RNG.standard_normal(2),
    ),
}


@pytest.mark.parametrize("name", CHAINS)
def test_a_chain_of_ops_equals_numpy(instructions, name):
    program = CHAINS[name]
    engine = NativeFloatEngine(*as_prior(program), instructions)
    assert_engines_agree(engine, program, 3)


@pytest.mark.parametrize(
    "op", ["Tanh", "Sigmoid", "Elu", "Relu", "LeakyRelu", "HardSigmoid", "HardSwish"]
)
def test_a_function_is_within_a_millionth_everywhere(instructions, op):
    x = np.concatenate([np.linspace(-100, 100, 40001), RNG.standard_normal(5000) * 1e-3])
    program = one_op(op, (x.size,), {}, {})
    native = NativeFloatEngine(*as_prior(program), instructions)
    exact = FloatEngine(*as_prior(program), np.float64)
    x = x.astype(np.float32)[np.newaxis]
    expected = exact.sense(x.astype(np.float64))
    error = np.abs(native.sense(x) - expected)
    assert (error <= 1e-6 * np.maximum(1, np.abs(expected))).all()


@pytest.mark.parametrize(
    "op",
    [
        *("Tanh", "Sigmoid", "Elu", "Relu", "LeakyRelu", "Abs"),
        *("Exp", "Log", "Sqrt", "HardSigmoid", "HardSwish"),
    ],
)
def test_nan_stays_nan_and_infinity_has_its_limit(instructions, op):
    program = one_op(op, (5,), {}, {})
    native = NativeFloatEngine(*as_prior(program), instructions)
    reference = FloatEngine(*as_prior(program))
    x = np.array([[np.nan, np.inf, -np.inf, 0.0, -0.0]], np.float32)
    with np.errstate(all="ignore"):
        expected = reference.sense(x)
    np.testing.assert_allclose(native.sense(x), expected, rtol=1e-6, atol=1e-37)


@pytest.mark.parametrize(("op", "low", "high"), [("Exp", -103, 88.7), ("Log", 1e-40, 3e38)])
def test_a_function_is_right_over_its_whole_range(instructions, op, low, high):
    program = one_op(op, (2001,), {}, {})
    native = NativeFloatEngine(*as_prior(program), instructions)
    spaced = np.linspace(low, high, 2001) if op == "Exp" else np.geomspace(low, high, 2001)
    x = spaced.astype(np.float32)[np.newaxis]
    expected = FloatEngine(*as_prior(program), np.float64).sense(x.astype(np.float64))
    np.testing.assert_allclose(native.sense(x), expected, rtol=2e-7, atol=1e-45)


@pytest.mark.parametrize("pads", [(0, 0, 0, 0), (1, 2, 1, 1)])
def test_of_equal_pixels_the_first_gets_the_cotangent_and_nan_wins(instructions, pads):
    attributes = {"kernel_shape": (2, 3), "strides": (1, 2), "pads": pads}
    program = one_op("MaxPool", (2, 4, 5), attributes, {})
    native = NativeFloatEngine(*as_prior(program), instructions)
    reference = FloatEngine(*as_prior(program))
    rng = np.random.default_rng(0)
    x = rng.integers(-1, 2, (6, 40)).astype(np.float32)
    x[4:][rng.random((2, 40)) < 0.2] = np.nan
    drawn = x.reshape(-1, 2, 4, 5)
    sensed = reference.sense(drawn)
    np.testing.assert_array_equal(native.sense(drawn), sensed)
    cotangent = rng.integers(1, 9, sensed.shape).astype(np.float32)
    np.testing.assert_array_equal(native.vjp(x, cotangent), reference.vjp(x, cotangent))


def test_the_powers_of_nothing_have_the_slopes_of_the_definition(instructions):
    exponents = np.array([0, 1, 2, 3, 0.5, -1], np.float32)
    program = one_op("Pow", (6,), {}, {"e": exponents})
    native = NativeFloatEngine(*as_prior(program), instructions)
    reference = FloatEngine(*as_prior(program))
    x, ones = np.zeros((1, 6), np.float32), np.ones((1, 6), np.float32)
    with np.errstate(all="ignore"):
        expected = reference.sense(x), reference.vjp(x, ones)
    np.testing.assert_array_equal(native.sense(x), expected[0])
    np.testing.assert_array_equal(native.vjp(x, ones), expected[1])


def test_an_op_the_runner_lacks_is_refused_by_name(monkeypatch):
    program = one_op("Abs", (5,), {}, {})
    monkeypatch.delitem(RULES, "Abs")
    with pytest.raises(UnsupportedOpError, match=r"Abs: it has no such op.*kernel='numpy'"):
        NativeFloatEngine(*as_prior(program))
