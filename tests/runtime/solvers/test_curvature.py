"""The memory of L-BFGS against the BFGS matrix written out."""

import numpy as np
import pytest

from bitprior_runtime.solvers.curvature import Curvature


def bfgs_matrix(pairs):
    """Return H from its definition (Nocedal and Wright, 7.16), all pairs of one row in turn."""
    size = len(pairs[0][0])
    s, y = pairs[-1]
    h = np.eye(size) * (s @ y) / (y @ y)
    for s, y in pairs:
        v = np.eye(size) - np.outer(y, s) / (s @ y)
        h = v.T @ h @ v + np.outer(s, s) / (s @ y)
    return h


@pytest.mark.parametrize("left_out", [True, False])
@pytest.mark.parametrize("history", [1, 3, 100])
def test_directions_are_those_of_the_bfgs_matrix_row_by_row(history, left_out):
    rng = np.random.default_rng(0)
    memory = Curvature(4, 6, history, np.dtype(np.float64))
    kept = [[] for _ in range(4)]
    for _ in range(8):
        s, y = rng.standard_normal((2, 4, 6))  # about half of the pairs have <s, y> < 0
        if not left_out:
            y *= np.sign((s * y).sum(axis=1, keepdims=True))
        memory.add(s, y)
        for row in range(4):
            if s[row] @ y[row] > 1e-10:
                kept[row].append((s[row], y[row]))
    assert (len({len(pairs) for pairs in kept}) > 1) == left_out
    grad = rng.standard_normal((4, 6))
    found = memory.direction(grad)
    for row, pairs in enumerate(kept):
        expected = -bfgs_matrix(pairs[-history:]) @ grad[row]
        np.testing.assert_allclose(found[row], expected, rtol=1e-9)


def test_without_pairs_the_direction_is_steepest_descent():
    memory = Curvature(2, 3, 5, np.dtype(np.float64))
    memory.add(np.ones((2, 3)), -np.ones((2, 3)))
    np.testing.assert_array_equal(memory.direction(np.ones((2, 3))), -np.ones((2, 3)))


def test_rows_that_leave_take_their_pairs_along():
    rng = np.random.default_rng(1)
    memory = Curvature(3, 4, 2, np.dtype(np.float64))
    for _ in range(3):
        s = rng.standard_normal((3, 4))
        memory.add(s, s * np.array([1, 2, 3])[:, np.newaxis])
    grad = rng.standard_normal((3, 4))
    before = memory.direction(grad)
    memory.keep(np.array([True, False, True]))
    np.testing.assert_array_equal(memory.direction(grad[[0, 2]]), before[[0, 2]])
