"""Products of rows, written out in tiles."""

import numpy as np
import pytest

from bitprior_runtime.model import load
from bitprior_runtime.sensing import Blocks, Hadamard, Matrix, Operator, Patterns, Rows, Weighted
from bitprior_runtime.sensing import gram as module
from bitprior_runtime.sensing.gram import grams, has_written_rows, rows_between
from builders.operators import dense

FRAME = (6, 9)
COVARIANCE = load("photo-4bit").bundle.search.covariance
RANDOM = np.random.default_rng(0)
BITS = Patterns(RANDOM.integers(0, 2, (37, *FRAME), dtype=np.uint8))
PACKED = Patterns(np.packbits(RANDOM.integers(0, 2, (37, 54), dtype=np.uint8), axis=1), FRAME, "pm")
OPERATORS: dict[str, Operator] = {
    "bits": BITS,
    "packed signs": PACKED,
    "matrix": Matrix(RANDOM.standard_normal((20, 54)), FRAME),
    "weights": Weighted(PACKED, RANDOM.random(37)),
    "some rows": Rows(BITS, np.array([3, 9, 0, 30])),
    "repeated rows": Rows(BITS, np.array([3, 9, 3])),
    "blocks": Blocks(RANDOM.standard_normal((5, 9)), 3, FRAME),
}


@pytest.mark.parametrize("kind", OPERATORS)
@pytest.mark.parametrize("tile", [4, 128])
def test_the_products_are_those_of_the_matrix(
    kind: str, tile: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TILE", tile)
    operator = OPERATORS[kind]
    assert has_written_rows(operator)
    a, c = dense(operator), COVARIANCE.between(*FRAME)
    rows = RANDOM.standard_normal((3, operator.size)).astype(np.float32)
    coloured, white = grams(operator, COVARIANCE.on(*FRAME))
    for found, wanted in ((coloured, a @ c @ a.T), (white, a @ a.T)):
        product = rows @ wanted
        np.testing.assert_allclose(found(rows), product, atol=2e-5 * np.abs(wanted).max())
    np.testing.assert_allclose(rows_between(operator, 1, 3), a[1:3], atol=1e-6)


def test_what_patterns_differ_by_is_not_lost_beside_their_mean() -> None:
    stack = 1 + RANDOM.standard_normal((30, *FRAME)) * 1e-3
    operator = Patterns(stack)
    rows = RANDOM.standard_normal((1, 30))
    a = dense(operator)
    # Of no mean: all that is left is what the patterns differ by.
    means = a.mean(axis=1)
    rows = (rows - (rows @ means) / (means @ means) * means).astype(np.float32)
    wanted = float(np.sum((rows.astype(np.float64) @ (a - means[:, np.newaxis])) ** 2))
    white = grams(operator, COVARIANCE.on(*FRAME))[1]
    assert abs(float(np.sum(white(rows) * rows)) - wanted) < 0.02 * wanted


def test_fast_transforms_are_not_written_out() -> None:
    assert not has_written_rows(Hadamard((4, 8)))
    assert not has_written_rows(Rows(Hadamard((4, 8)), np.array([1, 2])))
