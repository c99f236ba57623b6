"""Codes and the integers they stand for."""

import numpy as np
import pytest

from bitprior_runtime.tensors import QuantisedTensor, grid_integers


@pytest.mark.parametrize(
    ("grid", "bits", "levels"),
    [
        ("binary", 1, [-1, 1]),
        ("wide", 2, [-2, -1, 0, 1]),
        ("wide", 3, list(range(-4, 4))),
        ("wide", 4, list(range(-8, 8))),
        ("narrow", 2, [-2, -1, 0, 1]),  # its lowest code is never used
        ("mid-rise", 2, [-3, -1, 1, 3]),
        ("mid-rise", 3, [-7, -5, -3, -1, 1, 3, 5, 7]),
    ],
)
def test_codes_stand_for_the_levels_of_the_grid(grid, bits, levels):
    multiplier, offset = grid_integers(grid, bits)
    assert [multiplier * code - offset for code in range(2**bits)] == levels


def test_a_per_channel_scale_runs_along_its_axis():
    codes = np.array([[0, 1, 1], [1, 0, 1]], np.uint8)
    by_row = QuantisedTensor(codes, 1, "binary", np.array([1, 10], np.float32), axis=0)
    by_column = QuantisedTensor(codes, 1, "binary", np.array([1, 10, 100], np.float32), axis=1)
    np.testing.assert_array_equal(by_row.values(), [[-1, 1, 1], [10, -10, 10]])
    np.testing.assert_array_equal(by_column.values(), [[-1, 10, 100], [1, -10, 100]])


def test_a_per_tensor_scale_multiplies_everything():
    tensor = QuantisedTensor(np.array([0, 15], np.uint8), 4, "wide", np.float32(0.5).reshape(()))
    np.testing.assert_array_equal(tensor.values(), [-4.0, 3.5])
    assert tensor.values().dtype == np.float32
