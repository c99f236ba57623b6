"""A sweep of tiny runs on the digits."""

from pathlib import Path

import pytest

from bitprior_train.sweep.plan import Question

_TINY = (
    "model.latent=8",
    "model.hidden=[12]",
    "model.sensing_hidden=[12]",
    "model.measurements=6",
    "model.sparsity=5",
    "optimiser.batch=8",
    "optimiser.steps=2",
    "validation.images=4",
    "validation.steps=[1]",
)


@pytest.fixture
def question(tmp_path: Path) -> Question:
    """One run of 32 bits, and one of 4 that starts from it."""
    return Question("digits", tmp_path / "runs", bits=(4,), overrides=_TINY, init_from_32=True)
