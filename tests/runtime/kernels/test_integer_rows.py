"""Passes over rows of integers: every instruction set, bit for bit, against numpy's int64."""

import numpy as np
import pytest

from bitprior_runtime.integer.plan import TABLE_BITS, UNIT
from bitprior_runtime.integer.requantise import rounding_shift
from bitprior_runtime.integer.tables import look_up
from bitprior_runtime.kernels import kernels
from builders.integer_kernels import Kernels

SIZES = (1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 63, 64, 65, 100)
INT32 = np.iinfo(np.int32)

pytestmark = pytest.mark.parametrize("kernel", kernels())


def drawn(rng, size, largest=INT32.max):
    """Return int32 values up to a magnitude, its ends and zero among them."""
    values = rng.integers(-largest, largest + 1, size)
    ends = [largest, -largest, 0, 1, -1]
    places = rng.random(size) < 0.3
    return np.where(places, rng.choice(ends, size), values).astype(np.int32)


def wrapped(values):
    """Return integers modulo 2^32."""
    return values.astype(np.int64).astype(np.uint32).view(np.int32)


def cases(kernel, count=40):
    """Give a table, a random stream and a size, many times."""
    rng = np.random.default_rng(11)
    table = Kernels(kernel)
    for _ in range(count):
        yield table, rng, int(rng.choice(SIZES))


def test_activations_of_8_bits_become_bytes(kernel):
    for table, rng, size in cases(kernel):
        q = drawn(rng, size, 127)
        np.testing.assert_array_equal(table.narrow(q), q)


def test_activations_of_16_bits_become_two_bytes(kernel):
    for table, rng, size in cases(kernel):
        q = drawn(rng, size, 32767)
        low, high = (part.astype(np.int32) for part in table.split(q))
        np.testing.assert_array_equal(256 * high + low + 128, q)


def test_the_sum_of_bytes_is_exact(kernel):
    for table, rng, size in cases(kernel):
        values = rng.integers(-128, 128, size * 20).astype(np.int8)
        assert table.sum(values) == int(values.astype(np.int64).sum())
        assert table.sum(np.full(size, -128, np.int8)) == -128 * size


@pytest.mark.parametrize("planes", [1, 2])
@pytest.mark.parametrize("shifted", [False, True])
def test_sums_of_codes_are_put_together_modulo_2_to_the_32(kernel, planes, shifted):
    for table, rng, size in cases(kernel):
        v, low, high, each = (drawn(rng, size) for _ in range(4))
        multiplier, same = 2, int(drawn(rng, 1)[0])
        found = table.combine(
            v, low, high if planes == 2 else None, multiplier, same, each if shifted else None
        )
        wide = low.astype(np.int64) + (256 * high.astype(np.int64) if planes == 2 else 0)
        total = v + multiplier * wide + same + (each if shifted else 0)
        np.testing.assert_array_equal(found, wrapped(total))


@pytest.mark.parametrize("limit", [63, 127, 32767, 1 << 24])
def test_requantising_rounds_half_up_and_clamps(kernel, limit):
    for table, rng, size in cases(kernel):
        v = drawn(rng, size)
        pairs = []
        for _ in range(2):
            multiplier = rng.integers(1 << 30, 1 << 31, size) * rng.choice([1, -1], size)
            multiplier = np.where(rng.random(size) < 0.2, 0, multiplier).astype(np.int32)
            pairs.append((multiplier, rng.integers(1, 63, size).astype(np.int32)))
        found = table.requantise(v, *pairs[0], *pairs[1], limit)
        up, down = (
            rounding_shift(v.astype(np.int64) * m.astype(np.int64), s.astype(np.int64))
            for m, s in pairs
        )
        np.testing.assert_array_equal(found, np.clip(np.where(v >= 0, up, down), -limit, limit))


def test_requantising_halves_goes_up(kernel):
    v = np.array([1, 3, -1, -3, 5, -5, 0], np.int32)
    factor, shift = np.full(7, 1 << 30, np.int32), np.full(7, 31, np.int32)
    found = Kernels(kernel).requantise(v, factor, shift, factor, shift, 127)
    np.testing.assert_array_equal(found, [1, 2, 0, -1, 3, -2, 0])


def test_cotangents_get_the_slope_of_the_sign_of_their_gate(kernel):
    for table, rng, size in cases(kernel):
        c, gate = drawn(rng, size), drawn(rng, size)
        positive, negative = drawn(rng, size, UNIT), drawn(rng, size, UNIT)
        exact = c.astype(np.int64) * np.where(gate > 0, positive, negative)
        largest = table.largest(c, gate, positive, negative)
        assert largest == np.abs(exact).max()
        shift = max(int(largest).bit_length() - int(rng.integers(6, 30)), 0)
        expected = rounding_shift(exact, shift) if shift else exact
        if np.abs(expected).max() <= INT32.max:
            found = table.slope(c, gate, positive, negative, shift)
            np.testing.assert_array_equal(found, expected)


def test_scaled_activations_add_up_in_64_bits(kernel):
    for table, rng, size in cases(kernel):
        v = rng.integers(-(1 << 60), 1 << 60, size)
        q, positive, negative = drawn(rng, size, 32767), drawn(rng, size), drawn(rng, size)
        found = table.scale(v, q, positive, negative)
        expected = v + q.astype(np.int64) * np.where(q > 0, positive, negative)
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("shift", [1, 2, 31, 32, 61, 62])
def test_sums_are_shifted_and_clamped(kernel, shift):
    for table, rng, size in cases(kernel, count=10):
        v = rng.integers(-(1 << 61), 1 << 61, size) >> rng.integers(0, 61, size)
        found = table.clamp(v, shift, -100, 127)
        np.testing.assert_array_equal(found, np.clip(rounding_shift(v, shift), -100, 127))


@pytest.mark.parametrize("largest", [127, UNIT, 32767, 1 << 24])
def test_tables_are_interpolated(kernel, largest):
    for table, rng, size in cases(kernel, count=10):
        values = drawn(rng, (1 << TABLE_BITS) + 1, largest)
        q = drawn(rng, size, 32767)
        found = table.look_up(values, q)
        np.testing.assert_array_equal(found, look_up(values, q.astype(np.int64)))
