"""Changes that survive a power cut: written, synced, and only then given their name."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Put a folder's entries on the disk."""
    descriptor = os.open(str(folder), os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_file(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; its folder exists."""
    temporary = path.with_name(path.name + ".new")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(str(temporary), str(path))
    sync_folder(path.parent)


def move_folder(source: Path, target: Path) -> None:
    """Give a finished folder its place; what was there before is removed."""
    sync_folder(source)
    if target.exists():
        remove_folder(target)
    os.replace(str(source), str(target))
    sync_folder(target.parent)


def point_link(link: Path, target: str) -> None:
    """Make ``link`` lead to ``target``: at every moment it leads to the old or the new one."""
    temporary = link.with_name(link.name + ".new")
    if temporary.is_symlink():
        temporary.unlink()
    os.symlink(target, str(temporary))
    os.replace(str(temporary), str(link))
    sync_folder(link.parent)


def remove_folder(folder: Path) -> None:
    """Remove a folder; under its own name it is whole until it is gone."""
    doomed = folder.with_name(folder.name + ".removed")
    if doomed.exists():
        shutil.rmtree(str(doomed))
    os.replace(str(folder), str(doomed))
    shutil.rmtree(str(doomed))
