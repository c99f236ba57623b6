"""Where things lie on the board.

::

    <root>/lock                    held (flock) by the deploy that is running; says who it is
    <root>/incoming/<digest>/      what has come so far; never looked at by anything that runs
    <root>/releases/<digest>/      a whole release: release.json, model.bitprior, its ONNX files,
                                   and a link ``site`` to its environment if it brought one
    <root>/environments/<digest>/  unpacked wheels, shared by the releases that name them
    <root>/current                 -> releases/<digest>
    <root>/previous                -> releases/<digest>
    <root>/work/                   inputs and outputs of one command at a time
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from bitprior_devices.remote.refusal import RefusalError, from_os_error

DEFAULT_ROOT = ".local/share/bitprior"


@dataclass(frozen=True)
class Layout:
    """Paths under one root folder."""

    root: Path

    @property
    def lock(self) -> Path:
        """The file whose flock is the right to change anything here."""
        return self.root / "lock"

    @property
    def incoming(self) -> Path:
        """Unfinished uploads."""
        return self.root / "incoming"

    @property
    def releases(self) -> Path:
        """Whole releases."""
        return self.root / "releases"

    @property
    def environments(self) -> Path:
        """Unpacked wheels."""
        return self.root / "environments"

    @property
    def work(self) -> Path:
        """Folders of running commands."""
        return self.root / "work"

    @property
    def current(self) -> Path:
        """Link to the release in use."""
        return self.root / "current"

    @property
    def previous(self) -> Path:
        """Link to the release a rollback returns to."""
        return self.root / "previous"


def layout_of(root: str | None) -> Layout:
    """Return the layout under ``root``, by default a folder of the user's home.

    Raises:
        RefusalError: The root is not an absolute path without ``..``.
    """
    if root is None:
        return Layout(Path.home() / DEFAULT_ROOT)
    path = Path(root)
    if not path.is_absolute() or ".." in path.parts or not root.isprintable():
        raise RefusalError("an absolute --root without '..'", repr(root), "change --root")
    return Layout(path)


def make_folders(layout: Layout) -> None:
    """Make what is missing of the folders.

    Raises:
        RefusalError: The root cannot be written.
    """
    try:
        for folder in (layout.incoming, layout.releases, layout.environments, layout.work):
            folder.mkdir(parents=True, exist_ok=True)
        os.close(os.open(str(layout.lock), os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise from_os_error(error) from error
