"""Operators made of others, against the rows of the matrices of those."""

import numpy as np
import pytest

from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing import Blocks, Hadamard, Operator, Patterns, Rows, Weighted
from builders.operators import as_matrix, check_adjoint, dense

RANDOM = np.random.default_rng(0)
OPERATORS = {
    "hadamard": Hadamard((8, 4)),
    "patterns": Patterns(RANDOM.integers(0, 2, (40, 8, 4))),
    "blocks": Blocks(RANDOM.standard_normal((5, 16)), 4, (8, 7)),
}
all_operators = pytest.mark.parametrize("kind", OPERATORS)


@all_operators
@pytest.mark.parametrize("indices", [np.array([5, 0, 9]), np.array([3, 3, 1, 3]), "mask"])
def test_rows_are_those_of_the_matrix(kind: str, indices: np.ndarray | str) -> None:
    operator = OPERATORS[kind]
    if isinstance(indices, str):
        indices = np.arange(operator.size) % 3 == 0
    wanted = dense(operator)[indices]
    found = Rows(operator, indices)
    assert isinstance(found, Operator)
    np.testing.assert_allclose(dense(found), wanted, atol=1e-6)
    as_matrix(found, RANDOM.random((2, 3, *operator.frame)), wanted)
    check_adjoint(found)


@all_operators
def test_weights_multiply_rows(kind: str) -> None:
    operator = OPERATORS[kind]
    weights = RANDOM.random(operator.size)
    wanted = weights[:, np.newaxis] * dense(operator)
    found = Weighted(operator, weights)
    as_matrix(found, RANDOM.random((2, 2, *operator.frame)), wanted)
    check_adjoint(found)
    np.testing.assert_allclose(dense(Rows(found, [4, 2])), wanted[[4, 2]], atol=1e-5)
    np.testing.assert_allclose(dense(Weighted(Rows(operator, [4, 2]), weights[[4, 2]])),
                               wanted[[4, 2]], atol=1e-5)  # fmt: skip


def test_some_hadamard_patterns_keep_the_fast_transform(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Rows(Rows(Hadamard((8, 4)), np.arange(20)), np.array([7, 3]))
    monkeypatch.setattr(Hadamard, "forward", None)
    with pytest.raises(TypeError):
        found.forward(np.ones((1, 1, 8, 4)))


def test_rows_and_weights_are_part_of_the_digest() -> None:
    hadamard = OPERATORS["hadamard"]
    found = [
        Rows(hadamard, np.array([1, 2])),
        Rows(hadamard, np.array([2, 1])),
        Rows(Hadamard((8, 4), "natural"), np.array([1, 2])),
        Weighted(hadamard, np.ones(32)),
        Weighted(hadamard, np.arange(32)),
    ]
    assert len({operator.digest for operator in found}) == 5


@pytest.mark.parametrize(
    ("indices", "named"),
    [([40], "0 to 31"), ([-1], "0 to 31"), ([], "at least one"), ([0.5], "float64"),
     (np.ones(31, bool), "bool"), (["a"], "<U1")],
)  # fmt: skip
def test_rows_that_are_not_there_are_refused(indices, named: str) -> None:
    with pytest.raises(UsageError, match=named):
        Rows(OPERATORS["hadamard"], np.array(indices))


@pytest.mark.parametrize(
    "weights", [np.ones(31), np.ones((32, 1)), np.full(32, np.nan), np.zeros(32), np.ones(32) * 1j]
)
def test_weights_that_do_not_fit_are_refused(weights: np.ndarray) -> None:
    with pytest.raises(UsageError, match="finite weights"):
        Weighted(OPERATORS["hadamard"], weights)
