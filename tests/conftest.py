"""Fixtures shared by all tests."""

from pathlib import Path

import numpy as np
import pytest

from bitprior_export.bundle.writer import write_bundle
from builders.bundles import tiny_bundle


@pytest.fixture
def bundle_path(tmp_path) -> Path:
    """A small, whole bundle on disk: z [4] -> x [1,2,3] -> y [3]."""
    path = tmp_path / "tiny.bitprior"
    write_bundle(path, tiny_bundle())
    return path


@pytest.fixture
def images() -> np.ndarray:
    """Five images of the tiny bundle's geometry."""
    return np.random.default_rng(0).random((5, 1, 2, 3), dtype=np.float32)
