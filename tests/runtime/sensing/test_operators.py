import itertools

import numpy as np
import pytest

from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing import Blocks, Matrix, Operator

FRAMES = ((12, 8), (13, 9), (4, 11))


def rows(m: int, n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((m, n)).astype(np.float32)


def operators() -> list[Operator]:
    whole = [Matrix(rows(5, h * w), (h, w)) for h, w in FRAMES]
    return [*(Blocks(rows(5, 16), 4, frame) for frame in FRAMES), *whole]


@pytest.mark.parametrize("operator", operators(), ids=str)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_adjoint_is_the_transpose(operator: Operator, channels: int) -> None:
    random = np.random.default_rng(1)
    x = random.integers(-8, 9, (2, channels, *operator.frame)).astype(np.float32)
    y = random.integers(-8, 9, (2, channels * operator.size)).astype(np.float32)
    # Whole numbers: every sum below is exact, whatever its order.
    operator.matrix = np.rint(4 * operator.matrix)
    assert np.sum(operator.forward(x) * y) == np.sum(x * operator.adjoint(y))


@pytest.mark.parametrize("frame", FRAMES)
def test_blocks_are_row_major_with_their_values_together(frame: tuple[int, int]) -> None:
    a, size = rows(3, 16), 4
    x = rows(2, frame[0] * frame[1]).reshape(2, 1, *frame)
    padded = np.pad(x, ((0, 0), (0, 0), (0, -frame[0] % size), (0, -frame[1] % size)))
    corners = itertools.product(range(0, frame[0], size), range(0, frame[1], size))
    cut = [padded[:, 0, top : top + size, left : left + size] for top, left in corners]
    wanted = np.concatenate([block.reshape(2, -1) @ a.T for block in cut], axis=1)
    operator = Blocks(a, size, frame)
    assert operator.size == wanted.shape[1]
    np.testing.assert_allclose(operator.forward(x), wanted, rtol=1e-5, atol=1e-5)


def test_each_channel_is_measured_by_the_same_operator() -> None:
    operator = Blocks(rows(5, 16), 4, (9, 7))
    x = rows(3, 63).reshape(1, 3, 9, 7)
    y = operator.forward(x).reshape(3, -1)
    np.testing.assert_array_equal(y, operator.forward(x.reshape(3, 1, 9, 7)))


def test_a_matrix_of_images_knows_its_frame() -> None:
    a = rows(4, 35).reshape(4, 5, 7)
    assert Matrix(a).frame == (5, 7)
    x = rows(1, 35).reshape(1, 1, 5, 7)
    np.testing.assert_array_equal(Matrix(a).forward(x), Matrix(a.reshape(4, 35), (5, 7)).forward(x))


def test_the_digest_is_of_the_values_and_the_shape() -> None:
    a = rows(4, 16)
    assert Blocks(a, 4, (8, 8)).digest == Blocks(a.astype(np.float64), 4, (9, 9)).digest
    assert Blocks(a, 4, (8, 8)).digest != Blocks(-a, 4, (8, 8)).digest
    assert Matrix(np.eye(4), (2, 2)).digest != Matrix(np.eye(16)[:1], (4, 4)).digest


BAD = {
    "a frame smaller than a block": (rows(5, 16), 4, (3, 9), "at least one block, 4x4"),
    "no frame": (rows(5, 16), 4, (8,), "frame"),
    "a frame of parts of pixels": (rows(5, 16), 4, (8.5, 9), "frame"),
    "a side of nothing": (rows(5, 16), 0, (8, 8), "side"),
    "columns for other blocks": (rows(5, 15), 4, (8, 8), "[m,16]"),
    "no rows": (rows(0, 16), 4, (8, 8), "[m,16]"),
    "complex rows": (rows(5, 16) * 1j, 4, (8, 8), "complex64"),
    "text": (np.full((5, 16), "a"), 4, (8, 8), "<U1"),
    "NaN": (np.where(np.eye(5, 16), np.nan, 1), 4, (8, 8), "5 of 5 rows"),
    "more than float32 holds": (1e300 * rows(5, 16).astype(float), 4, (8, 8), "Inf"),
    "more rows than pixels": (rows(17, 16), 4, (8, 8), "17 rows"),
    "a row of zeros": (rows(5, 16) * [[1], [1], [0], [1], [1]], 4, (8, 8), "row 2"),
    "two equal rows": (np.repeat(rows(3, 16), 2, axis=0), 4, (8, 8), "combinations"),
    "a rounded sum of rows": (
        np.vstack([rows(3, 16), rows(3, 16).sum(axis=0)]), 4, (8, 8), "combinations"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_blocks_that_measure_nothing_are_refused(case: str) -> None:
    matrix, size, frame, named = BAD[case]
    with pytest.raises(UsageError) as refused:
        Blocks(matrix, size, frame)
    assert named in str(refused.value)
    assert "\n" not in str(refused.value)


def test_independent_rows_of_any_scale_are_taken() -> None:
    scales = np.float32(10.0) ** np.arange(-20, 20, 8)[:, np.newaxis]
    assert Blocks(scales * rows(5, 16), 4, (8, 8)).size == 20
    assert Blocks(np.random.default_rng(0).integers(0, 2, (16, 16)), 4, (8, 8)).size == 64


def test_rows_of_another_frame_are_refused() -> None:
    with pytest.raises(UsageError, match="rows for 5x7"):
        Matrix(rows(4, 35).reshape(4, 5, 7), (7, 5))
    with pytest.raises(UsageError, match="no frame"):
        Matrix(rows(4, 35))


@pytest.mark.parametrize("operator", operators(), ids=str)
def test_images_of_another_frame_and_other_lengths_are_refused(operator: Operator) -> None:
    height, width = operator.frame
    with pytest.raises(UsageError, match="frame of the operator"):
        operator.forward(np.zeros((1, 1, width, height + 1), np.float32))
    with pytest.raises(UsageError, match=f"m = {operator.size}"):
        operator.adjoint(np.zeros((1, operator.size + 1), np.float32))
