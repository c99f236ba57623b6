"""A folder of small photos, and photo priors of random weights."""

from pathlib import Path

import pytest

from builders.photo_files import data_folder, write_priors


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as BITPRIOR_DATA names it."""
    return data_folder(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photo-4bit.bitprior and photo-1bit.bitprior."""
    return write_priors(tmp_path_factory.mktemp("bundles"))
