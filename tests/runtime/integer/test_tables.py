"""Tables against the functions in float64."""

import math

import numpy as np
import pytest

from bitprior_runtime.integer.plan import UNIT
from bitprior_runtime.integer.tables import FUNCTIONS, look_up, tabulate

Q = np.arange(-32768, 32768, 7, dtype=np.int64)
ALPHA = 1.5

VALUES = {
    "Elu": lambda x: np.where(x > 0, x, ALPHA * np.expm1(np.minimum(x, 0))),
    "Sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "Softplus": lambda x: np.logaddexp(x, 0),
    "Tanh": np.tanh,
}
SLOPES = {
    "Elu": lambda x: np.where(x > 0, 1.0, ALPHA * np.exp(np.minimum(x, 0))),
    "Sigmoid": lambda x: np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))) ** 2,
    "Softplus": lambda x: 1 / (1 + np.exp(-x)),
    "Tanh": lambda x: 1 - np.tanh(x) ** 2,
}


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_table_follows_its_function(name):
    step, out_step = 6.0 / 32767, 8.0 / 32767
    table = tabulate(name, ALPHA, 1.0, 0.0, step, out_step, 32767)
    found = look_up(table.values, Q) * out_step
    # A straight line over a segment of 64 steps is off by (64 step)^2 / 8 times the curvature.
    bound = (64 * step) ** 2 / 8 * ALPHA + out_step
    assert np.abs(found - VALUES[name](Q * step)).max() <= bound


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_the_slopes_follow_the_derivative(name):
    step = 6.0 / 32767
    table = tabulate(name, ALPHA, 1.0, 0.0, step, 1e-3, 32767)
    found = look_up(table.slopes, Q) * table.slope_unit
    off = np.abs(found - SLOPES[name](Q * step))
    off[np.abs(Q) < 64] = 0  # the slope of Elu with alpha != 1 jumps at 0
    assert off.max() <= 64 * step / 4 + table.slope_unit
    assert np.abs(table.slopes).max() == UNIT


def test_gain_and_offset_are_part_of_the_table():
    table = tabulate("Tanh", 1.0, 0.5, 0.5, 6.0 / 32767, 1.0 / 32767, 32767)
    assert table.values[512] == 16384  # 0.5 is halfway between two steps: to even
    assert table.values[0] == round((0.5 * math.tanh(-6.0 * 32768 / 32767) + 0.5) * 32767)
    assert table.slope_unit == 0.5 / UNIT


def test_a_table_of_negative_gain_falls():
    table = tabulate("Sigmoid", 1.0, -2.0, 0.0, 12.0 / 32767, 2.0 / 127, 127)
    assert (np.diff(table.values) <= 0).all()
    assert table.slopes.min() == -UNIT


def test_outputs_beyond_the_limit_are_clamped():
    table = tabulate("Softplus", 1.0, 1.0, 0.0, 1.0, 1.0, 1000)
    assert table.values.max() == 1000


def test_a_function_without_slope_has_slopes_of_zero():
    table = tabulate("Tanh", 1.0, 0.0, 0.25, 1e-3, 1e-2, 127)
    assert not table.slopes.any()
    assert (table.values == 25).all()


def test_entries_are_met_exactly_and_between_them_lies_a_line():
    table = np.zeros(1025, np.int32)
    table[512:514] = (0, 64)
    np.testing.assert_array_equal(look_up(table, np.arange(0, 65)), np.arange(0, 65))
    assert look_up(table, np.array([-32768, 32767])).tolist() == [0, 0]


def test_tanh_and_sigmoid_end_where_16_bits_cannot_tell_them_from_their_limits():
    half_step = 0.5 / 32767
    assert 1 - math.tanh(FUNCTIONS["Tanh"].reach) < half_step
    assert 1 / (1 + math.exp(FUNCTIONS["Sigmoid"].reach)) < half_step


def test_values_beyond_int64_are_clipped():
    table = tabulate("Tanh", 1.0, 1e30, -1e30, 1.0, 1e-6, 32767)
    assert table.values.min() == -32767
    assert np.isfinite(table.slope_unit)
