"""A release: a folder named after the SHA-256 of its release.json, which names all its files."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bitprior_devices.remote.layout import Layout
from bitprior_devices.remote.receive import SentFile, parse_file
from bitprior_devices.remote.refusal import RefusalError
from bitprior_devices.remote.wire import sha256_of

BUNDLE = "model.bitprior"
SIGNATURE = "model.bitprior.sig"
MANIFEST = "release.json"
# Link to the packages a release brought: a service that goes through ``current`` finds its own.
SITE = "site"
FORMAT = 1


@dataclass(frozen=True)
class Release:
    """What a release consists of.

    Attributes:
        files: Bundle and companions.
        environment: Digest of its unpacked wheels; None: the packages of ``python``.
        python: The board's Python that runs it.
    """

    files: tuple[SentFile, ...]
    environment: str | None
    python: str

    @property
    def manifest(self) -> bytes:
        """The text of its release.json."""
        files = [file.as_json() for file in sorted(self.files, key=lambda file: file.path)]
        fields = {
            "format": FORMAT,
            "files": files,
            "environment": self.environment,
            "python": self.python,
        }
        return (json.dumps(fields, indent=1, sort_keys=True) + "\n").encode("ascii")

    @property
    def digest(self) -> str:
        """Its name."""
        return hashlib.sha256(self.manifest).hexdigest()

    @property
    def bundle_sha256(self) -> str:
        """Hash of its bundle."""
        return next(file.sha256 for file in self.files if file.path == BUNDLE)

    @property
    def site_link(self) -> str:
        """Where its link ``site`` leads, seen from its folder."""
        return f"../../environments/{self.environment}"

    def site(self, layout: Layout) -> Path | None:
        """Folder of its packages, if it brought them."""
        return None if self.environment is None else layout.environments / self.environment


def read_release(folder: Path) -> Release:
    """Read the manifest of a release.

    Raises:
        RefusalError: It is missing or damaged.
    """
    try:
        data = (folder / MANIFEST).read_bytes()
        fields: dict[str, Any] = json.loads(data)
        files = tuple(parse_file(file) for file in fields["files"])
        release = Release(files, fields["environment"], fields["python"])
        whole = release.manifest == data and release.digest == folder.resolve().name
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(folder, f"{type(error).__name__}: {error}") from error
    if not whole:
        raise _damaged(folder, "a release.json that is not the one it is named after")
    return release


def verify_release(layout: Layout, folder: Path) -> Release:
    """Hash every file of a release.

    Raises:
        RefusalError: One is missing, damaged, or too many.
    """
    release = read_release(folder)
    for file in release.files:
        path = folder / file.path
        found = sha256_of(path) if path.is_file() else "no such file"
        if found != file.sha256:
            raise _damaged(folder, f"{file.path}: {found}")
    known = {file.path for file in release.files} | {MANIFEST}
    strangers = {
        str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()
    } - known
    if strangers:
        raise _damaged(folder, f"files nobody sent: {', '.join(sorted(strangers))}")
    site = release.site(layout)
    if site is not None and not site.is_dir():
        raise _damaged(folder, f"no environment {release.environment}")
    link = folder / SITE
    if site is not None and not (link.is_symlink() and os.readlink(link) == release.site_link):
        raise _damaged(folder, "no link to its environment")
    return release


def linked(link: Path) -> Path | None:
    """Return the release folder a link leads to; None if there is none."""
    if not link.is_symlink():
        return None
    target = link.parent / os.readlink(str(link))
    return target if target.is_dir() else None


def _damaged(folder: Path, found: str) -> RefusalError:
    return RefusalError(f"the whole release {folder}", found, "deploy it again")
