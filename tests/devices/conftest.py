"""Boards: a real sshd on the loopback interface, or the board's program in this process."""

from pathlib import Path

import pytest

from bitprior_devices import remote_work
from bitprior_devices.deploying import sending
from bitprior_devices.probing import ask
from bitprior_devices.remote import deploy as there
from bitprior_devices.remote.layout import Layout
from builders import loopback
from builders.board_end import converse_here, run_child_here, write_tiny


@pytest.fixture(scope="session")
def _daemon(tmp_path_factory):
    if loopback.MISSING:
        pytest.skip(loopback.MISSING)
    with loopback.loopback_board(tmp_path_factory.mktemp("board")) as board:
        yield board


@pytest.fixture
def board(_daemon):
    """A board behind sshd whose host key is known; its home is as it was left."""
    _daemon.know()
    return _daemon


@pytest.fixture
def here(monkeypatch, tmp_path):
    """Let the host's side talk to the board's program in this process, in a home of its own."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for module in (sending, remote_work, ask):
        monkeypatch.setattr(module, "converse", converse_here)
    monkeypatch.setattr(there, "run_child", run_child_here)


@pytest.fixture
def layout(tmp_path) -> Layout:
    """Where bundles go on the board."""
    return Layout(tmp_path / "root")


@pytest.fixture
def two_bundles(tmp_path) -> tuple[Path, Path]:
    """Two bundles."""
    return write_tiny(tmp_path / "a.bitprior", 1), write_tiny(tmp_path / "b.bitprior", 2)
