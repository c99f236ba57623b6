"""Packed weights: at their width, and nothing lost."""

import numpy as np
import pytest

from bitprior_runtime.kernels.weights import pack_matrix
from bitprior_runtime.tensors import FloatTensor, QuantisedTensor
from builders.single_op import codes

GRIDS = [(1, "binary"), *((b, g) for b in range(2, 9) for g in ("wide", "narrow", "mid-rise"))]


def unpack(matrix):
    """Return the grid's integers, by the words of the C header."""
    per, bits = 32 // matrix.bits, matrix.bits
    positions = [(matrix.words >> np.uint32(bits * t)) & (2**bits - 1) for t in range(per)]
    codes = np.stack(positions, axis=2).reshape(len(matrix.words), -1)[:, : matrix.columns]
    signed = codes.astype(np.int64)
    signed[signed >= 2 ** (bits - 1)] -= 2**bits
    return matrix.multiplier * signed + matrix.extra


@pytest.mark.parametrize(("bits", "grid"), GRIDS)
@pytest.mark.parametrize("columns", [1, 15, 16, 17, 500])
def test_words_hold_the_integers_of_the_grid(bits, grid, columns):
    tensor = codes(np.random.default_rng(bits), (3, columns), bits, grid)
    matrix = pack_matrix(tensor, channels=0)
    np.testing.assert_array_equal(unpack(matrix), tensor.integers())
    np.testing.assert_array_equal(matrix.scale, tensor.scale)


@pytest.mark.parametrize("bits", range(1, 9))
def test_a_weight_takes_its_bits_and_no_more_than_a_third_of_a_bit_besides(bits):
    tensor = codes(np.random.default_rng(0), (2, 9600), bits)
    used = 8 * pack_matrix(tensor, channels=0).words.nbytes / tensor.codes.size
    assert used == pytest.approx(32 / (32 // bits), rel=0.02)
    if bits != 7:
        assert used < bits + 0.45


def test_a_transposed_matrix_has_the_second_axis_as_rows():
    tensor = codes(np.random.default_rng(0), (5, 40), 4, axis=1)
    matrix = pack_matrix(tensor, channels=1, transpose=True)
    np.testing.assert_array_equal(unpack(matrix), tensor.integers().T)


def test_floats_stay_as_they_are_with_zeros_behind_them():
    values = np.random.default_rng(0).standard_normal((3, 20)).astype(np.float32)
    matrix = pack_matrix(FloatTensor(values), channels=0)
    found = matrix.words.view(np.float32).reshape(3, -1)
    np.testing.assert_array_equal(found[:, :20], values)
    assert not found[:, 20:].any()
    assert matrix.scale is None


def test_a_scale_along_another_axis_makes_the_weight_float():
    tensor = codes(np.random.default_rng(0), (3, 20), 4, axis=1)
    assert isinstance(tensor, QuantisedTensor)
    matrix = pack_matrix(tensor, channels=0)
    assert matrix.bits == 32
    found = matrix.words.view(np.float32).reshape(3, -1)[:, :20]
    np.testing.assert_array_equal(found, tensor.values())
