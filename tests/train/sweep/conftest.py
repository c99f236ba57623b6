"""A sweep of tiny runs on the digits."""

from pathlib import Path

import pytest

from bitprior_train.sweep.plan import Question
from builders.tiny_training import TINY_NETWORKS

_TINY = (
    *TINY_NETWORKS,
    "optimiser.batch=8",
    "optimiser.steps=2",
    "validation.images=4",
    "validation.steps=[1]",
)


@pytest.fixture
def question(tmp_path: Path) -> Question:
    """One run of 32 bits, and one of 4 that starts from it."""
    return Question("digits", tmp_path / "runs", bits=(4,), overrides=_TINY, init_from_32=True)
