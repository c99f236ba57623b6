"""Range analysis: the largest sums there can be, reached by the worst inputs and never passed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bitprior_runtime.errors import ProgramError
from bitprior_runtime.integer.assemble import assemble
from bitprior_runtime.integer.forward import Forward
from bitprior_runtime.integer.limits import (
    INT32_MAX,
    LEAST_LIMIT,
    lowered_limits,
    silence_negligible,
)
from bitprior_runtime.integer.lowering import fuse, lower
from bitprior_runtime.integer.plan import Kind
from bitprior_runtime.integer.products import Product
from bitprior_runtime.integer.real import leader_of
from bitprior_runtime.integer.steps import Range
from bitprior_runtime.ops.convolution import Geometry
from bitprior_runtime.program import Node, Program
from bitprior_runtime.tensors import FloatTensor, QuantisedTensor

GEMM = ("Gemm", (30,), (7, 30), {"transB": 1})
CONV = ("Conv", (4, 6, 5), (6, 4, 3, 3), {"pads": (1, 1, 1, 1), "strides": (2, 1)})
GROUPED = ("Conv", (4, 6, 5), (6, 2, 3, 3), {"group": 2})
TRANSPOSED = (
    "ConvTranspose",
    (4, 3, 4),
    (4, 3, 4, 4),
    {"pads": (1, 1, 1, 1), "strides": (2, 2), "group": 2},
)
LAYERS = [GEMM, CONV, GROUPED, TRANSPOSED]


def layer(op, shape, weight_shape, attributes, seed=0, bits=8, bias=1.0):
    """Return a program of one linear layer with random codes."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 2**bits, weight_shape, dtype=np.uint8)
    transposed = op == "ConvTranspose"
    channels = weight_shape[1] * attributes.get("group", 1) if transposed else weight_shape[0]
    axis = 1 if transposed else 0
    scale = rng.uniform(0.5, 1.0, weight_shape[axis]).astype(np.float32)
    tensors = {
        "w": QuantisedTensor(codes, bits, "wide", scale, axis),
        "b": FloatTensor((bias * rng.standard_normal(channels)).astype(np.float32)),
    }
    node = Node(op, ("z", "w", "b"), "y", attributes)
    return Program("sensing", {"z": shape}, "y", [node], tensors)


def ranged(program, limit, absmax=1.0):
    """Return the lowered program and its ranges after range analysis."""
    real = fuse(lower(program, 8))
    start = {name: Range(absmax, limit) for name in leader_of(real).values()}
    real = silence_negligible(real, start)
    return real, lowered_limits(real, start)


def sums(program, limit, absmax=1.0):
    """Return the forward sums, with their bias, at the worst inputs for each output."""
    real, ranges = ranged(program, limit, absmax)
    whole, _ = assemble(real, ranges, 16, 1.0)
    (node,) = whole.nodes
    product = Forward(whole).products[node.target]
    top = whole.tensors[node.source].limit
    # Row by row of the map as a matrix: the transposed product of a unit vector.
    rows = product.adjoint(np.eye(whole.tensors[node.target].size, dtype=np.int64))
    bias = node.bias[(np.arange(len(rows)) // node.inner) % node.channels].astype(np.int64)
    direction = np.where(bias >= 0, 1, -1)[:, np.newaxis]
    worst = np.sign(rows) * direction * top
    return np.diagonal(product.forward(worst)) + bias, top, whole


@pytest.mark.parametrize("case", LAYERS, ids=lambda case: case[0])
@pytest.mark.parametrize("limit", [127, 32767, 1 << 24])
def test_the_worst_inputs_stay_within_32_bits(case, limit):
    found, top, _ = sums(layer(*case), limit)
    assert np.abs(found).max() <= INT32_MAX
    assert top <= limit


@pytest.mark.parametrize("case", LAYERS, ids=lambda case: case[0])
def test_a_lowered_limit_is_the_largest_there_is(case):
    found, top, _ = sums(layer(*case), 1 << 24)
    assert LEAST_LIMIT <= top < 1 << 24
    # One more step of the worst input of the worst output would leave 32 bits.
    assert np.abs(found).max() * (top + 1) / top > INT32_MAX


@pytest.mark.parametrize("case", LAYERS, ids=lambda case: case[0])
def test_the_worst_cotangents_stay_within_32_bits(case):
    _, _, whole = sums(layer(*case), 127)
    (node,) = whole.nodes
    product = Forward(whole).products[node.target]
    columns = product.forward(np.eye(whole.tensors[node.source].size, dtype=np.int64))
    worst = np.sign(columns) * node.cotangent_limit
    reached = np.diagonal(product.adjoint(worst))
    assert reached.max() <= INT32_MAX
    assert reached.max() == product.adjoint_reach().max() * node.cotangent_limit


@given(st.integers(0, 10_000), st.sampled_from(LAYERS))
@settings(max_examples=25, deadline=None)
def test_no_input_passes_the_bound(seed, case):
    real, ranges = ranged(layer(*case, seed=seed), 32767)
    whole, _ = assemble(real, ranges, 16, 1.0)
    (node,) = whole.nodes
    product = Forward(whole).products[node.target]
    rng = np.random.default_rng(seed)
    top = whole.tensors[node.source].limit
    q = top * rng.choice([-1, 1], (4, whole.tensors[node.source].size))
    assert (np.abs(product.forward(q)) <= product.reach() * top).all()
    assert (np.abs(product.forward(q)).max(axis=0) + np.abs(node.bias).max() <= INT32_MAX).all()


def test_a_cotangent_limit_is_lowered_where_32767_would_overflow():
    _, _, whole = sums(layer("Gemm", (3,), (2000, 3), {"transB": 1}), 127)
    assert LEAST_LIMIT <= whole.nodes[0].cotangent_limit < 32767


def test_a_bias_that_takes_most_of_32_bits_lowers_the_limit():
    program = layer(*GEMM, bias=2000.0)
    _, top, _ = sums(program, 32767, absmax=1e-3)
    assert LEAST_LIMIT <= top < 32767


def test_a_layer_too_wide_for_32_bits_is_refused_by_name():
    program = layer("Gemm", (600_000,), (1, 600_000), {"transB": 1})
    with pytest.raises(ProgramError, match=r"'y'.*use the float engine"):
        ranged(program, 127)


def test_a_layer_whose_adjoint_is_too_wide_is_refused_by_name():
    program = layer("Gemm", (1,), (600_000, 1), {"transB": 1})
    real, ranges = ranged(program, 127)
    with pytest.raises(ProgramError, match=r"'y'.*a cotangent"):
        assemble(real, ranges, 8, 1.0)


@pytest.mark.parametrize("case", LAYERS, ids=lambda case: case[0])
def test_a_channel_that_is_its_bias_keeps_it(case):
    program = layer(*case)
    weight = program.tensors["w"]
    scale = weight.scale.copy()
    scale[1] = 1e-38  # what a batch norm of factor 0 leaves
    tensors = {
        **program.tensors,
        "w": QuantisedTensor(weight.codes, 8, "wide", scale, weight.axis),
    }
    real, ranges = ranged(Program("sensing", program.inputs, "y", program.nodes, tensors), 127)
    whole, _ = assemble(real, ranges, 8, 1.0)
    (node,) = whole.nodes
    forward = Forward(whole)
    zeros = np.zeros((1, whole.tensors[node.source].size), np.int64)
    top = zeros + whole.tensors[node.source].limit
    silent = [0, 1, 0, 0, 1, 0] if case is TRANSPOSED else [0, 1]
    channels = (np.arange(whole.tensors[node.target].size) // node.inner) % node.channels
    channel = np.flatnonzero(np.resize(silent, node.channels)) if case is TRANSPOSED else [1]
    chosen = np.isin(channels, channel)
    at_rest, driven = (forward.run(q).values[node.target][0] for q in (zeros, top))
    np.testing.assert_array_equal(at_rest[chosen], driven[chosen])
    assert (at_rest[~chosen] != driven[~chosen]).any()
    bias = program.tensors["b"].values()[channels[chosen]]
    found = at_rest[chosen] * whole.tensors[node.target].step
    np.testing.assert_allclose(found, np.clip(bias, -1, 1), atol=1.01 / 127)


@pytest.mark.parametrize("kind", [Kind.CONV, Kind.CONV_TRANSPOSE])
def test_sums_reach_as_far_on_smaller_sides(kind):
    rng = np.random.default_rng(0)
    smaller = 0
    for _ in range(150):
        kernel, strides, dilations = (
            tuple(int(size) for size in rng.integers(1, most, 2)) for most in (5, 4, 3)
        )
        pads = tuple(int(pad) for pad in rng.integers(0, 4, 4))
        geometry = Geometry(kernel, strides, pads, dilations, int(rng.choice([1, 2])))
        counts = tuple(int(count) for count in rng.integers(1, 30, 2))
        extra = tuple(int(rng.integers(0, step)) for step in strides)
        sides = geometry.dense(*counts, extra)
        if min(sides) < 1:
            continue
        dense, patches = (2 * geometry.group, *sides), (4, *geometry.patches(*sides))
        ends = (dense, patches) if kind is Kind.CONV else ((4, *counts), dense)
        weight = rng.integers(-8, 8, (4, 2, *kernel)).astype(np.float64)
        whole = Product(kind, weight, geometry, *ends)
        part = whole.cropped()
        smaller += part.source != whole.source
        for one, other, channels in (
            (whole.reach(), part.reach(), ends[1][0]),
            (whole.adjoint_reach(), part.adjoint_reach(), ends[0][0]),
        ):
            largest = (sums.reshape(channels, -1).max(axis=1) for sums in (one, other))
            np.testing.assert_array_equal(*largest)
    assert smaller > 50
