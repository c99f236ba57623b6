"""Block floating point: rows of mantissas with one exponent each."""

from fractions import Fraction
from math import floor

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bitprior_runtime.integer.normalise import Cotangent, cotangent_of, merged, normalise
from bitprior_runtime.integer.plan import COTANGENT_BITS, COTANGENT_MAX, Merge

MANTISSAS = st.lists(st.integers(-(2**61) + 1, 2**61 - 1), min_size=1, max_size=6)
SHORT = st.lists(st.integers(-(2**31) + 1, 2**31 - 1), min_size=3, max_size=3)


def rows(*values, exponent=0):
    return Cotangent(
        np.array(values, dtype=np.int64), np.full(len(values), exponent, dtype=np.int64)
    )


def rounded(value, shift):
    return floor(Fraction(value, 2**shift) + Fraction(1, 2))


@given(MANTISSAS, st.sampled_from([63, 100, 127, 128, 5000, 32767, COTANGENT_MAX]))
@settings(max_examples=300)
def test_a_row_is_shifted_by_the_fewest_bits_that_make_it_fit(values, limit):
    found = normalise(rows(values, exponent=-3), limit)
    shift = int(found.exponent[0]) + 3
    assert shift >= 0
    assert found.mantissa[0].tolist() == [rounded(value, shift) for value in values]
    assert np.abs(found.mantissa).max() <= limit
    if shift:
        less = [rounded(value, shift - 1) for value in map(abs, values)]
        assert max(less) > limit


def test_rows_are_normalised_one_by_one():
    found = normalise(rows([127, -1], [128, 4], [0, 0]), 127)
    np.testing.assert_array_equal(found.mantissa, [[127, -1], [64, 2], [0, 0]])
    np.testing.assert_array_equal(found.exponent, [0, 1, 0])


def test_rounding_up_to_the_limits_power_of_two_takes_one_more_bit():
    found = normalise(rows([255]), 127)
    np.testing.assert_array_equal(found.mantissa, [[64]])
    np.testing.assert_array_equal(found.exponent, [2])


@given(SHORT, SHORT, st.integers(-40, 40), st.integers(2**14, 2**15 - 1), st.integers(-20, 20))
@settings(max_examples=300)
def test_two_cotangents_add_up_to_29_bits(first, further, apart, multiplier, exponent):
    rule = Merge(multiplier, exponent)
    found = merged(rows(first), rows(further, exponent=apart), rule)
    assert np.abs(found.mantissa).max() <= 2**30
    unit = Fraction(2) ** int(found.exponent[0])
    exact = [
        a + Fraction(b * multiplier) * Fraction(2) ** (apart + exponent)
        for a, b in zip(first, further, strict=True)
    ]
    for value, sum_ in zip(found.mantissa[0].tolist(), exact, strict=True):
        assert abs(value * unit - sum_) <= unit  # half a unit from each of the two
    largest = max(
        max(map(abs, first)),
        max(map(abs, further)) * multiplier * Fraction(2) ** (apart + exponent),
    )
    assert unit <= largest / 2**28 or largest == 0


def test_a_row_of_zeros_leaves_the_other_as_it_is():
    rule = Merge(1 << 14, -14)
    zeros = rows([0, 0], exponent=90)
    for found in (merged(rows([3, -5]), zeros, rule), merged(zeros, rows([3, -5]), rule)):
        real = found.mantissa[0] * 2.0 ** found.exponent[0]
        np.testing.assert_array_equal(real, [3, -5])


def test_two_rows_of_zeros_have_exponent_zero():
    found = merged(rows([0], exponent=7), rows([0], exponent=-9), Merge(1 << 14, -14))
    np.testing.assert_array_equal(found.mantissa, [[0]])
    np.testing.assert_array_equal(found.exponent, [0])


def test_real_cotangents_become_mantissas_exact_to_29_bits_of_the_largest():
    real = np.array([[1.0, -0.75, 2.0**-28, 2.0**-40], [3e38, 1.0, -3e38, 0.0]], np.float32)
    found = cotangent_of(real)
    assert found.exponent.tolist() == [1 - COTANGENT_BITS, 128 - COTANGENT_BITS]
    assert found.mantissa[0].tolist() == [2**28, -3 * 2**26, 1, 0]
    assert np.ldexp(found.mantissa[1, 0].astype(float), int(found.exponent[1])) == real[1, 0]
    assert np.abs(found.mantissa).max() <= COTANGENT_MAX


def test_a_cotangent_that_is_no_number_counts_as_0():
    found = cotangent_of(np.array([[np.nan, np.inf, -np.inf, 0.5], [0, 0, 0, 0]], np.float32))
    assert found.mantissa.tolist() == [[0, 0, 0, 2**28], [0, 0, 0, 0]]
    assert found.exponent.tolist() == [-29, 0]
