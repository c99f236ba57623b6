"""Products on packed weights: every instruction set, bit for bit, against numpy's int64."""

import numpy as np
import pytest

from bitprior_runtime.errors import ProgramError
from bitprior_runtime.kernels import kernels
from bitprior_runtime.kernels.integer_weights import MOST, Keeper, pack
from builders.integer_kernels import Kernels

SIZES = (1, 7, 8, 9, 15, 16, 17, 63, 64, 65, 100, 131)
WIDTHS = (1, 2, 3, 4, 5, 8)

every_kernel = pytest.mark.parametrize("kernel", kernels())
both_directions = pytest.mark.parametrize("transposed", [False, True])


def expected(codes, rows, transposed):
    """Return the product in int64, whose sums are exact."""
    matrix = (codes if transposed else codes.T).astype(np.int64)
    return rows.astype(np.int64) @ matrix


@every_kernel
@both_directions
@pytest.mark.parametrize("bits", WIDTHS)
def test_products_of_random_shapes_are_exact(kernel, transposed, bits):
    rng = np.random.default_rng([bits, transposed])
    table = Kernels(kernel)
    for _ in range(90):
        outs, ins = rng.choice(SIZES, 2)
        codes = rng.integers(0, 2**bits, (outs, ins)).astype(np.uint8)
        count = rng.integers(1, 30)
        rows = rng.integers(-128, 128, (count, outs if transposed else ins)).astype(np.int8)
        found = table.product(codes, bits, rows, transposed)
        np.testing.assert_array_equal(found, expected(codes, rows, transposed))


@every_kernel
@both_directions
@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("value", [-128, 127])
def test_products_of_extreme_values_are_exact(kernel, transposed, bits, value):
    codes = np.full((65, 67), 2**bits - 1, np.uint8)
    rows = np.full((19, 65 if transposed else 67), value, np.int8)
    found = Kernels(kernel).product(codes, bits, rows, transposed)
    np.testing.assert_array_equal(found, expected(codes, rows, transposed))


@pytest.mark.exhaustive
@every_kernel
@both_directions
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_the_longest_rows_do_not_overflow_on_the_way(kernel, transposed, bits):
    shape = (MOST, 1) if transposed else (1, MOST)
    codes = np.full(shape, 2**bits - 1, np.uint8)
    for count in (1, 2, 4):
        rows = np.full((count, MOST), -128, np.int8)
        found = Kernels(kernel).product(codes, bits, rows, transposed)
        np.testing.assert_array_equal(found, expected(codes, rows, transposed))


@pytest.mark.parametrize("shape", [(MOST + 1, 1), (1, MOST + 1)])
def test_longer_rows_are_refused(shape):
    with pytest.raises(ProgramError, match=r"at most 65536 rows.*use kernel='numpy'"):
        pack(np.zeros(shape, np.uint8), 4, Keeper())


@pytest.mark.parametrize(("bits", "stored"), [(1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (8, 8)])
def test_weights_take_their_width_and_no_more(bits, stored):
    keeper = Keeper()
    pack(np.zeros((64, 64), np.uint8), bits, keeper)
    assert keeper.weight_bytes == 64 * 64 * stored // 8
