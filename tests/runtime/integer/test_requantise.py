"""Fixed-point multiplication against exact fractions."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bitprior_runtime.errors import ProgramError
from bitprior_runtime.integer.plan import UNIT, Merge
from bitprior_runtime.integer.requantise import (
    common_shift,
    encode,
    merge,
    rounding_shift,
    slopes,
)

FACTORS = st.floats(2.0**-31, 2.0**29, allow_nan=False)
SUMS = st.integers(-(2**31) + 1, 2**31 - 1)


@given(FACTORS)
def test_a_factor_is_kept_to_31_bits(factor):
    made = encode(np.array([factor]), "node")
    assert 2**30 <= made.multiplier[0] < 2**31
    assert 1 <= made.shift[0] <= 62
    kept = Fraction(int(made.multiplier[0]), 2 ** int(made.shift[0]))
    assert abs(kept / Fraction(factor) - 1) <= Fraction(1, 2**30)


@given(FACTORS, SUMS)
@settings(max_examples=300)
def test_a_sum_of_32_bits_is_requantised_as_exact_fractions_say(factor, value):
    made = encode(np.array([factor]), "node")
    exact = Fraction(value * int(made.multiplier[0]), 2 ** int(made.shift[0]))
    product = np.array([value], np.int64) * made.multiplier.astype(np.int64)
    found = rounding_shift(product, made.shift.astype(np.int64))
    assert found[0] == floor(exact + Fraction(1, 2))


def test_halves_are_rounded_up_on_both_sides_of_zero():
    values = np.array([-3, -2, -1, 0, 1, 2, 3], np.int64)
    np.testing.assert_array_equal(rounding_shift(values, 1), [-1, -1, 0, 0, 1, 1, 2])


def test_a_factor_too_small_to_matter_becomes_zero():
    made = encode(np.array([0.0, 2.0**-33]), "node")
    np.testing.assert_array_equal(made.multiplier, [0, 0])
    np.testing.assert_array_equal(made.shift, [1, 1])


def test_a_negative_factor_has_a_negative_multiplier():
    made = encode(np.array([-0.75, -np.nextafter(1.0, 0.0)]), "node")
    np.testing.assert_array_equal(made.multiplier, [-3 * 2**29, -(2**30)])
    np.testing.assert_array_equal(made.shift, [31, 30])


def test_a_factor_just_below_a_power_of_two_becomes_it():
    made = encode(np.array([np.nextafter(1.0, 0.0)]), "node")
    assert (made.multiplier[0], made.shift[0]) == (2**30, 30)


def test_a_factor_of_2_to_the_30_is_refused_with_the_nodes_name():
    with pytest.raises(ProgramError, match=r"'node'.*use the float engine"):
        encode(np.array([1.0, -(2.0**30)]), "node")


@given(st.floats(2.0**-40, 2.0**28), st.floats(0, 2.0**50))
def test_a_shared_shift_leaves_room_for_factors_and_offsets(factor, offset):
    shift = common_shift(factor, offset, "node")
    assert 1 <= shift <= 62
    assert factor * 2.0**shift <= 2.0**30
    assert offset * 2.0**shift <= 2.0**60


def test_nothing_to_scale_takes_the_largest_shift():
    assert common_shift(0.0, 0.0, "node") == 62


def test_an_offset_too_large_for_any_shift_is_refused():
    with pytest.raises(ProgramError, match=r"'node'.*offsets"):
        common_shift(1.0, 2.0**61, "node")


def test_slopes_of_one_magnitude_are_signs():
    positive, negative, unit = slopes(np.array([0.5, 0.5]), np.array([-0.5, 0.0]))
    np.testing.assert_array_equal(positive, [1, 1])
    np.testing.assert_array_equal(negative, [-1, 0])
    assert unit == 0.5


def test_other_slopes_are_fixed_point_numbers():
    positive, negative, unit = slopes(np.array([2.0, 1.0]), np.array([0.4, 0.2]))
    np.testing.assert_array_equal(positive, [UNIT, UNIT // 2])
    np.testing.assert_array_equal(negative, [3277, 1638])
    assert unit == 2.0 / UNIT


def test_slopes_that_are_all_zero_have_any_unit():
    positive, negative, unit = slopes(np.zeros(2), np.zeros(2))
    assert not positive.any()
    assert not negative.any()
    assert unit == 1.0


@given(st.floats(1e-30, 1e30), st.floats(1e-30, 1e30))
def test_a_merge_brings_one_constant_to_the_other(first, further):
    rule = merge(first, further)
    assert 2**14 <= rule.multiplier < 2**15
    ratio = Fraction(further) / Fraction(first)
    kept = rule.multiplier * Fraction(2) ** rule.exponent
    assert abs(kept / ratio - 1) <= Fraction(1, 2**14)


def test_a_merge_by_just_less_than_one_is_one():
    assert merge(1.0, float(np.nextafter(1.0, 0.0))) == Merge(1 << 14, -14)
