"""No test downloads from the official hosts, or sees what a user has in the cache."""

from dataclasses import replace
from pathlib import Path

import pytest

from bitprior_train.data import download
from bitprior_train.data.catalogue import SOURCES

NOWHERE = "http://127.0.0.1:9/"  # the discard port: nobody listens there


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, not yet there, and no network."""
    folder = tmp_path_factory.mktemp("cache") / "below"
    monkeypatch.setenv("BITPRIOR_CACHE", str(folder))
    monkeypatch.setattr(download, "PAUSE", 0.0)
    for name, source in SOURCES.items():
        files = tuple(replace(file, url=NOWHERE + file.name) for file in source.files)
        monkeypatch.setitem(SOURCES, name, replace(source, files=files))
    return folder
