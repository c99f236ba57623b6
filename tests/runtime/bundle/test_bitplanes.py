"""Bit planes: exact size, exact order, zero pads."""

import numpy as np
import pytest

from bitprior_runtime.bundle.bitplanes import pack, unpack
from bitprior_runtime.bundle.errors import BlockShapeError, PadBitsError
from bitprior_runtime.errors import UsageError

SHAPES = [(1,), (7,), (8,), (9,), (63,), (64,), (65,), (3, 5), (2, 3, 4, 5), ()]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("bits", range(1, 9))
def test_codes_survive_packing(bits: int, shape: tuple[int, ...]) -> None:
    codes = np.random.default_rng(bits).integers(0, 2**bits, shape, dtype=np.uint8)
    codes = np.asarray(codes, dtype=np.uint8)
    planes = pack(codes, bits)
    assert planes.shape == (bits, -(-codes.size // 8))
    np.testing.assert_array_equal(unpack(planes, shape, bits), codes)


def test_the_lowest_plane_comes_first_and_the_lowest_bit_in_a_byte() -> None:
    codes = np.array([1, 0, 2, 3, 0, 0, 0, 0, 7], dtype=np.uint8)
    expected = [[0b0000_1001, 1], [0b0000_1100, 1], [0, 1]]
    np.testing.assert_array_equal(pack(codes, 3), expected)


def test_codes_are_packed_in_c_order_whatever_their_memory_order() -> None:
    codes = np.arange(12, dtype=np.uint8).reshape(3, 4)
    np.testing.assert_array_equal(pack(np.asfortranarray(codes), 4), pack(codes, 4))
    np.testing.assert_array_equal(pack(codes.T, 4), pack(codes.T.copy(), 4))


def test_codes_of_more_than_one_chunk_survive_packing() -> None:
    count = 2 * 8 * 2**17 + 5
    codes = np.random.default_rng(0).integers(0, 8, count, dtype=np.uint8)
    np.testing.assert_array_equal(unpack(pack(codes, 3), (count,), 3), codes)


@pytest.mark.parametrize("bits", [-1, 0, 9, 33])
def test_a_bit_width_outside_1_to_8_is_refused(bits: int) -> None:
    with pytest.raises(UsageError, match="1 to 8 bits"):
        pack(np.zeros(3, dtype=np.uint8), bits)
    with pytest.raises(UsageError, match="1 to 8 bits"):
        unpack(np.zeros((1, 1), dtype=np.uint8), (3,), bits)


def test_a_code_too_large_for_its_bits_is_refused() -> None:
    with pytest.raises(UsageError, match="codes below 2\\^3; found 8"):
        pack(np.array([7, 8], dtype=np.uint8), 3)


def test_codes_of_another_dtype_are_refused() -> None:
    with pytest.raises(UsageError, match="int64"):
        pack(np.array([1, 2]), 3)  # type: ignore[arg-type]


def test_no_codes_at_all_are_refused() -> None:
    with pytest.raises(UsageError, match="at least one"):
        pack(np.zeros((0, 4), dtype=np.uint8), 3)


@pytest.mark.parametrize("count", range(1, 8))
def test_every_pad_bit_must_be_zero(count: int) -> None:
    for plane in range(2):
        for bit in range(count, 8):
            planes = np.zeros((2, 1), dtype=np.uint8)
            planes[plane, 0] = 1 << bit
            with pytest.raises(PadBitsError):
                unpack(planes, (count,), 2)


@pytest.mark.parametrize("planes", [np.zeros((2, 2)), np.zeros((3, 2)), np.zeros((2, 3))])
def test_planes_of_another_shape_or_type_are_refused(planes: np.ndarray) -> None:
    right = planes.astype(np.uint8)
    with pytest.raises(BlockShapeError):
        unpack(planes if planes.shape == (2, 2) else right, (9,), 2)
