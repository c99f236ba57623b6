"""Every op the native runner knows, against its numpy definition."""

import numpy as np
import pytest

from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.engines.native_float_engine import NativeFloatEngine
from bitprior_runtime.kernels.float_nodes import RULES
from bitprior_runtime.kernels.float_scope import Scope, UnsupportedOpError
from bitprior_runtime.kernels.plan import Plan
from bitprior_runtime.program import Node, Program
from bitprior_runtime.tensors import FloatTensor
from builders.op_cases import CASES
from builders.single_op import as_prior, assert_engines_agree, one_op


def engine_or_refusal(program, instructions):
    try:
        return NativeFloatEngine(*as_prior(program), instructions)
    except UnsupportedOpError as error:
        return error


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_an_op_equals_its_numpy_definition_or_is_refused_by_name(instructions, case):
    program = getattr(case, "program", None) or one_op(*case[:4])
    engine = engine_or_refusal(program, instructions)
    if isinstance(engine, UnsupportedOpError):
        assert engine.op == case[0]
        assert engine.op not in COMPLETE
    else:
        assert_engines_agree(engine, program, 3)


# Ops that are never refused, whatever their attributes.
COMPLETE = {
    *("Gemm", "MatMul", "Conv", "ConvTranspose", "Relu", "LeakyRelu", "Elu", "Tanh", "Sigmoid"),
    *("Softplus", "Abs", "Clip", "Reshape", "Flatten", "Identity", "Add", "Sub", "Mul"),
    *("Slice", "Concat", "Transpose", "Pad", "DepthToSpace", "SpaceToDepth"),
    *("ReduceMean", "ReduceSum", "GlobalAveragePool", "AveragePool", "Neg", "Selu"),
}


def test_every_op_of_mlps_and_convolutional_priors_is_known():
    assert RULES.keys() >= COMPLETE


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
}


@pytest.mark.parametrize("name", CHAINS)
def test_a_chain_of_ops_equals_numpy(instructions, name):
    program = CHAINS[name]
    engine = NativeFloatEngine(*as_prior(program), instructions)
    assert_engines_agree(engine, program, 3)


@pytest.mark.parametrize("op", ["Tanh", "Sigmoid", "Elu", "Relu", "LeakyRelu"])
def test_a_function_is_within_a_millionth_everywhere(instructions, op):
    x = np.concatenate([np.linspace(-100, 100, 40001), RNG.standard_normal(5000) * 1e-3])
    program = one_op(op, (x.size,), {}, {})
    native = NativeFloatEngine(*as_prior(program), instructions)
    exact = FloatEngine(*as_prior(program), np.float64)
    x = x.astype(np.float32)[np.newaxis]
    expected = exact.sense(x.astype(np.float64))
    error = np.abs(native.sense(x) - expected)
    assert (error <= 1e-6 * np.maximum(1, np.abs(expected))).all()


@pytest.mark.parametrize("op", ["Tanh", "Sigmoid", "Elu", "Relu", "LeakyRelu", "Abs"])
def test_nan_stays_nan_and_infinity_has_its_limit(instructions, op):
    program = one_op(op, (5,), {}, {})
    native = NativeFloatEngine(*as_prior(program), instructions)
    reference = FloatEngine(*as_prior(program))
    x = np.array([[np.nan, np.inf, -np.inf, 0.0, -0.0]], np.float32)
    np.testing.assert_allclose(native.sense(x), reference.sense(x), rtol=1e-6, atol=1e-37)


def test_an_op_the_runner_lacks_is_refused_by_name(monkeypatch):
    program = one_op("Abs", (5,), {}, {})
    monkeypatch.delitem(RULES, "Abs")
    with pytest.raises(UnsupportedOpError, match=r"Abs: it has no such op.*kernel='numpy'"):
        NativeFloatEngine(*as_prior(program))


def test_a_map_of_very_many_pixels_is_refused_rather_than_written_out():
    node = Node("AveragePool", ("in",), "out")
    scope = Scope(Plan(), CHAINS["a square"], {"in": (1, 65, 64)}, {"in": 0}, {})
    with pytest.raises(UnsupportedOpError, match="of more than 4096 pixels a channel"):
        RULES["AveragePool"](scope, node, {})
