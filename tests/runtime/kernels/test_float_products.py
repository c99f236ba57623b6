"""Products with packed matrices and convolutions, both directions, against numpy in float64."""

import itertools

import numpy as np
import pytest

from bitprior_runtime.engines.native_float_engine import NativeFloatEngine
from bitprior_runtime.program import Node, Program
from bitprior_runtime.tensors import FloatTensor
from builders.single_op import as_prior, assert_engines_agree, codes

SIZES = (1, 7, 8, 9, 63, 64, 65)


def weight(rng, shape, bits, grid=None, axis=0):
    if bits == 32:
        return FloatTensor(rng.standard_normal(shape, np.float32))
    return codes(rng, shape, bits, grid, axis)


def matrix_program(bits, inputs, outputs, grid=None, axis=0):
    rng = np.random.default_rng(bits)
    tensors = {
        "W": weight(rng, (outputs, inputs), bits, grid, axis),
        "C": FloatTensor(rng.standard_normal(outputs, np.float32)),
    }
    node = Node("Gemm", ("in", "W", "C"), "out", {"transB": 1})
    return Program("one op", {"in": (inputs,)}, "out", [node], tensors)


def check(program, instructions, batch, **options):
    engine = NativeFloatEngine(*as_prior(program), instructions)
    assert_engines_agree(engine, program, batch, **options)


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5, 6, 7, 8, 32])
def test_products_of_odd_sizes_are_right_at_every_width(instructions, bits):
    for inputs, outputs in itertools.product(SIZES, SIZES):
        batch = 1 + (inputs + outputs) % 6
        check(matrix_program(bits, inputs, outputs), instructions, batch)


@pytest.mark.exhaustive
@pytest.mark.parametrize("bits", [1, 3, 4, 32])
@pytest.mark.parametrize("batch", [1, 3, 16])
def test_long_products_are_right(instructions, bits, batch):
    check(matrix_program(bits, 700, 530), instructions, batch)


@pytest.mark.parametrize("grid", ["wide", "narrow", "mid-rise"])
@pytest.mark.parametrize("axis", [0, 1, None])
def test_products_are_right_on_every_grid_and_scale(instructions, grid, axis):
    for bits in range(2, 9):
        check(matrix_program(bits, 40, 21, grid, axis), instructions, 5)


# channels, height, width, outputs, kernel, strides, pads, dilations, group
GEOMETRIES = [
    (3, 8, 8, 5, (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1),
    (4, 9, 7, 8, (4, 4), (2, 2), (1, 1, 1, 1), (1, 1), 1),
    (2, 5, 33, 3, (1, 3), (1, 2), (0, 1, 0, 2), (1, 1), 1),
    (6, 7, 6, 4, (2, 3), (3, 1), (0, 2, 1, 0), (2, 1), 2),
    (3, 4, 4, 9, (4, 4), (1, 1), (0, 0, 0, 0), (1, 1), 1),
    (1, 1, 1, 1, (1, 1), (1, 1), (0, 0, 0, 0), (1, 1), 1),
    (40, 6, 6, 17, (3, 3), (2, 2), (1, 1, 1, 1), (1, 1), 1),
    (8, 16, 16, 300, (2, 2), (1, 1), (0, 0, 0, 0), (1, 1), 1),
    (2, 3, 210, 2, (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1),
    (4, 20, 20, 4, (5, 5), (3, 2), (2, 2, 2, 2), (1, 1), 4),
]


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 8, 32])
@pytest.mark.parametrize("case", GEOMETRIES, ids=str)
def test_convolutions_are_right_in_both_directions(instructions, bits, case):
    channels, height, width, outputs, kernel, strides, pads, dilations, group = case
    rng = np.random.default_rng(bits)
    attributes = {"strides": strides, "pads": pads, "dilations": dilations, "group": group}
    tensors = {
        "W": weight(rng, (outputs, channels // group, *kernel), bits),
        "C": FloatTensor(rng.standard_normal(outputs, np.float32)),
    }
    node = Node("Conv", ("in", "W", "C"), "out", attributes)
    shape = (channels, height, width)
    check(Program("one op", {"in": shape}, "out", [node], tensors), instructions, 2)


@pytest.mark.exhaustive
@pytest.mark.parametrize("bits", [1, 2, 3, 4, 8, 32])
@pytest.mark.parametrize("case", GEOMETRIES, ids=str)
@pytest.mark.parametrize("axis", [1, None])
def test_transposed_convolutions_are_right_in_both_directions(instructions, bits, case, axis):
    channels, height, width, outputs, kernel, strides, pads, dilations, group = case
    if bits == 32 and axis is None:
        return
    rng = np.random.default_rng(bits)
    extra = tuple(int(step > 1) for step in strides)
    attributes = {"strides": strides, "dilations": dilations, "group": group}
    attributes |= {"output_padding": extra, "pads": (0, pads[1], 0, pads[3])}
    outputs -= outputs % group
    tensors = {
        "W": weight(rng, (channels, max(1, outputs // group), *kernel), bits, axis=axis),
        "C": FloatTensor(rng.standard_normal(max(1, outputs // group) * group, np.float32)),
    }
    node = Node("ConvTranspose", ("in", "W", "C"), "out", attributes)
    shape = (channels, min(height, 8), min(width, 9))
    check(Program("one op", {"in": shape}, "out", [node], tensors), instructions, 2)


def test_every_second_position_is_found_whatever_the_width(instructions):
    for width in range(1, 70):
        rng = np.random.default_rng(width)
        tensors = {"W": weight(rng, (2, 1, 1, 2), 32)}
        node = Node("Conv", ("in", "W"), "out", {"strides": (1, 2), "pads": (0, 1, 0, 0)})
        check(Program("p", {"in": (1, 2, width)}, "out", [node], tensors), instructions, 1)
