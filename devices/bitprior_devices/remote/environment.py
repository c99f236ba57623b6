"""An environment: wheels unpacked into one folder, named after what they are.

A wheel is a zip file whose contents lie as they are to be imported, so that neither pip nor venv
need to be on the board. Only what belongs into a package folder is unpacked.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
from pathlib import Path, PurePosixPath

from bitprior_devices.remote.durable import move_folder
from bitprior_devices.remote.layout import Layout
from bitprior_devices.remote.receive import SentFile, receive_files
from bitprior_devices.remote.refusal import RefusalError
from bitprior_devices.remote.wire import Wire


def environment_digest(wheels: list[SentFile]) -> str:
    """Return the name of the environment these wheels make."""
    fields = [wheel.as_json() for wheel in sorted(wheels, key=lambda wheel: wheel.path)]
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode("ascii")).hexdigest()


def receive_environment(
    wire: Wire, layout: Layout, wheels: list[SentFile], unpacked: int
) -> tuple[str, int]:
    """Receive wheels and unpack them, unless that was done before.

    Args:
        wire: The other end.
        layout: The root.
        wheels: Which wheels.
        unpacked: Bytes they take once unpacked.

    Returns:
        The environment's digest, and how many bytes came.
    """
    digest = environment_digest(wheels)
    place = layout.environments / digest
    if place.is_dir():
        wire.send({"have": {wheel.path: wheel.size for wheel in wheels}, "prefixes": {}})
        return digest, 0
    incoming = layout.incoming / digest
    came = receive_files(wire, incoming, wheels, unpacked)
    site = incoming / "site"
    if site.exists():
        shutil.rmtree(str(site))
    site.mkdir()
    for wheel in wheels:
        unpack(incoming / wheel.path, site)
    os.sync()  # thousands of small files: one sync of all is far faster than one each
    move_folder(site, place)
    shutil.rmtree(str(incoming))
    return digest, came


def unpack(wheel: Path, site: Path) -> None:
    """Unpack a wheel into a folder of packages.

    Raises:
        RefusalError: Not a wheel, or one with paths that leave the folder.
    """
    try:
        with zipfile.ZipFile(str(wheel)) as archive:
            for entry in archive.infolist():
                parts = PurePosixPath(entry.filename).parts
                if not parts or parts[0] == "/" or ".." in parts or "\\" in entry.filename:
                    raise _bad(wheel, f"the path {entry.filename!r}")
                if parts[0].endswith(".data"):
                    continue  # scripts and headers: nothing that is imported
                archive.extract(entry, str(site))
    except zipfile.BadZipFile as error:
        raise _bad(wheel, str(error)) from error


def _bad(wheel: Path, found: str) -> RefusalError:
    return RefusalError(f"a wheel {wheel.name}", found, "build or download it again")
