"""Damage: no part of a bundle and no flipped bit is ever taken for a bundle."""

import random

import pytest

from bitprior_export.bundle import encode_bundle
from bitprior_runtime.bundle import BundleError, decode_bundle
from bitprior_runtime.bundle.errors import EmptyBundleError, TruncatedBundleError
from builders.bundles import smallest_bundle, tiny_bundle


def refused(data: bytes) -> bool:
    try:
        decode_bundle(data)
    except BundleError:
        return True
    return False


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << (bit % 8)
    return bytes(changed)


def test_a_bundle_cut_at_any_length_is_refused_as_truncated() -> None:
    data = encode_bundle(tiny_bundle())
    with pytest.raises(EmptyBundleError):
        decode_bundle(b"")
    for length in range(1, len(data)):
        with pytest.raises(TruncatedBundleError):
            decode_bundle(data[:length])


def test_every_flipped_bit_of_the_header_is_refused() -> None:
    data = encode_bundle(smallest_bundle())
    header_bits = 8 * (8 + int.from_bytes(data[:8], "little"))
    missed = [bit for bit in range(header_bits) if not refused(flipped(data, bit))]
    assert missed == []


def test_two_thousand_random_flipped_bits_are_refused() -> None:
    data = encode_bundle(tiny_bundle())
    bits = random.Random(0).sample(range(8 * len(data)), 2000)
    missed = [bit for bit in bits if not refused(flipped(data, bit))]
    assert missed == []


def test_every_flipped_bit_of_the_tensors_is_refused() -> None:
    data = encode_bundle(smallest_bundle())
    start = 8 * (8 + int.from_bytes(data[:8], "little"))
    missed = [bit for bit in range(start, 8 * len(data)) if not refused(flipped(data, bit))]
    assert missed == []


def test_the_bundle_itself_is_read() -> None:
    assert not refused(encode_bundle(tiny_bundle()))
    assert not refused(encode_bundle(smallest_bundle()))
