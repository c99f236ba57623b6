"""Matrices of blocks that a few numbers name."""

import numpy as np
import pytest

from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing.drawn import gaussian_rows, walsh_rows
from bitprior_runtime.sensing.text import parse_operator

FRAME = (9, 10)


def test_gaussian_rows_are_orthonormal_and_a_function_of_their_seed():
    rows = gaussian_rows(6, 4, 7)
    assert rows.shape == (6, 16)
    np.testing.assert_allclose(rows @ rows.T, np.eye(6), atol=1e-6)
    np.testing.assert_array_equal(rows, gaussian_rows(6, 4, 7))
    assert np.abs(rows - gaussian_rows(6, 4, 8)).max() > 0.1


def test_walsh_rows_are_orthonormal_signs_whose_changes_rise():
    rows = walsh_rows(16, 4)
    np.testing.assert_allclose(rows @ rows.T, np.eye(16), atol=1e-6)
    np.testing.assert_allclose(np.abs(rows), 0.25)
    signs = np.sign(rows).reshape(16, 4, 4)
    down = np.count_nonzero(np.diff(signs[:, :, 0], axis=1), axis=1)
    across = np.count_nonzero(np.diff(signs[:, 0], axis=1), axis=1)
    assert list(down + across) == sorted(down + across)
    assert sorted(zip(down, across, strict=True)) == [(i, j) for i in range(4) for j in range(4)]


def test_the_constant_is_the_first_walsh_function_and_fewer_rows_are_the_first_ones():
    np.testing.assert_allclose(walsh_rows(1, 8), 1 / 8)
    np.testing.assert_array_equal(walsh_rows(5, 8), walsh_rows(20, 8)[:5])


def test_an_operator_is_named_without_a_file():
    found = parse_operator("gaussian-blocks:m=5,size=4,seed=3", FRAME)
    assert found.size == 5 * 3 * 3
    np.testing.assert_array_equal(found.matrix, gaussian_rows(5, 4, 3))
    walsh = parse_operator("walsh-blocks:size=8,m=10", FRAME)
    np.testing.assert_array_equal(walsh.matrix, walsh_rows(10, 8))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gaussian-blocks:m=5,size=4", "whole numbers for m, size, seed"),
        ("gaussian-blocks:m=5,size=4,seed=0,seed=1", "whole numbers"),
        ("walsh-blocks:m=5,size=4,seed=0", "whole numbers for m, size"),
        ("walsh-blocks:m=five,size=4", "whole numbers"),
        ("walsh-blocks", "whole numbers"),
        ("walsh-blocks:m=5,size=6", "a power of 2"),
        ("walsh-blocks:m=17,size=4", "1 to size"),
        ("gaussian-blocks:m=0,size=4,seed=0", "1 to size"),
        ("gaussian-blocks:m=1,size=4096,seed=0", "a side of 1 to 128"),
        ("cosine-blocks:m=5,size=4", "gaussian-blocks:m=109"),
    ],
)
def test_what_names_no_operator_is_refused_with_the_forms(text, message):
    with pytest.raises(UsageError, match=message):
        parse_operator(text, FRAME)


def test_blocks_that_are_drawn_need_a_frame_too():
    with pytest.raises(UsageError, match="--frame"):
        parse_operator("walsh-blocks:m=5,size=4")
