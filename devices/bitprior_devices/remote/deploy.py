"""Bring a release into use, or leave everything as it was.

Nothing the board uses is touched before the last link is replaced: a cut connection, a full disk
or a power cut at any moment leaves ``current`` on a whole release, the old one or the new.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Callable  # noqa: UP035

from bitprior_devices.remote import service
from bitprior_devices.remote.child import run_child
from bitprior_devices.remote.durable import move_folder, point_link, remove_folder, write_file
from bitprior_devices.remote.environment import receive_environment
from bitprior_devices.remote.layout import Layout, layout_of, make_folders
from bitprior_devices.remote.lock import locked
from bitprior_devices.remote.receive import SentFile, parse_file, receive_files
from bitprior_devices.remote.refusal import RefusalError
from bitprior_devices.remote.release import (
    MANIFEST,
    SIGNATURE,
    SITE,
    Release,
    linked,
    read_release,
    verify_release,
)
from bitprior_devices.remote.signed import (
    check_signature,
    missing_signature,
    required_signers,
)
from bitprior_devices.remote.wire import Wire

STEPS = (
    "check", "lock", "wheels", "files", "signature", "assemble", "verify", "replay", "previous",
    "current", "service", "tidy",
)  # fmt: skip
# Seconds after which a command's folder is taken for what a crash left.
LONGEST_RUN = 24 * 3600
Step = Callable[[str], None]


def announce(wire: Wire, name: str) -> None:
    """Say which step begins."""
    wire.send({"step": name})


def deploy(request: dict[str, Any], wire: Wire) -> dict[str, Any]:
    """Receive a release, check it here, and make it current.

    Args:
        request: ``root``, ``who``, ``files``, ``wheels``, ``unpacked``, ``python``, ``service``,
            ``demand``.
        wire: The other end, which sends the files.

    Returns:
        ``release``, ``changed``, ``previous``, ``bytes`` that came, ``replay`` and ``signer``.

    Raises:
        RefusalError: Something is not as it must be; nothing changed.
    """

    def step(name: str) -> None:
        announce(wire, name)

    step("check")
    files = [parse_file(fields) for fields in request["files"]]
    wheels = [parse_file(fields) for fields in request["wheels"]]
    layout = layout_of(request["root"])
    if request["service"]:
        service.check(layout)
    signers = required_signers(request["demand"])
    if signers is not None and SIGNATURE not in {file.path for file in files}:
        raise missing_signature(signers)
    make_folders(layout)
    step("lock")
    with locked(layout, request["who"]):
        return _deploy(request, wire, layout, files, wheels, signers, step)


def _deploy(
    request: dict[str, Any],
    wire: Wire,
    layout: Layout,
    files: list[SentFile],
    wheels: list[SentFile],
    signers: Path | None,
    step: Step,
) -> dict[str, Any]:
    step("wheels")
    environment, came = None, 0
    if wheels:
        environment, came = receive_environment(wire, layout, wheels, request["unpacked"])
    release = Release(tuple(files), environment, request["python"] or sys.executable)
    place = layout.releases / release.digest
    step("files")
    received, signer = _receive_release(wire, layout, release, signers, step)
    came += received
    step("verify")
    verify_release(layout, place)
    step("replay")
    result = replay(layout, place, release)
    old = linked(layout.current)
    changed = old is None or old.name != release.digest
    step("previous")
    if changed and old is not None:
        point_link(layout.previous, f"releases/{old.name}")
    step("current")
    point_link(layout.current, f"releases/{release.digest}")
    step("service")
    if request["service"]:
        service.install(layout, release)
    else:
        service.restart_installed()
    step("tidy")
    tidy(layout)
    before = linked(layout.previous)
    return {
        "release": release.digest,
        "changed": changed,
        "previous": None if before is None else before.name,
        "bytes": came,
        "replay": result,
        "signer": signer,
    }


def _receive_release(
    wire: Wire, layout: Layout, release: Release, signers: Path | None, step: Step
) -> tuple[int, str | None]:
    """Receive what is missing; nothing reads a bundle whose signature is asked for and not right.

    Returns:
        How many bytes came, and who signed the bundle.
    """
    place = layout.releases / release.digest
    if place.is_dir() and _whole(layout, place):
        wire.send({"have": {file.path: file.size for file in release.files}, "prefixes": {}})
        step("signature")
        signer = check_signature(place, signers)
        step("assemble")
        return 0, signer
    incoming = layout.incoming / release.digest
    came = receive_files(wire, incoming, list(release.files))
    step("signature")
    try:
        signer = check_signature(incoming, signers)
    except RefusalError:
        remove_folder(incoming)
        raise
    step("assemble")
    write_file(incoming / MANIFEST, release.manifest)
    if release.environment is not None:
        point_link(incoming / SITE, release.site_link)
    move_folder(incoming, place)
    return came, signer


def _whole(layout: Layout, place: Path) -> bool:
    try:
        verify_release(layout, place)
    except RefusalError:
        return False
    return True


def replay(layout: Layout, place: Path, release: Release) -> dict[str, Any]:
    """Replay the golden cases of a release with the Python that will run it.

    Raises:
        RefusalError: They do not replay; the message says what to do.
    """
    bundle = place / "model.bitprior"
    command = [release.python, "-m", "bitprior_devices.remote.replay", str(bundle)]
    ended = run_child(command, release.site(layout))
    if ended.status == 0:
        result: dict[str, Any] = json.loads(ended.out)
        return result
    todo = "the board computes otherwise: run bitprior probe on it"
    if "No module named" in ended.err or ended.status == 127:
        todo = "send the packages too, with --offline, or name a Python that has them: --python"
    raise RefusalError("golden cases that replay on the board", ended.reason, todo)


def tidy(layout: Layout) -> None:
    """Remove what neither ``current`` nor ``previous`` needs, and what was never finished."""
    kept = [folder for folder in (linked(layout.current), linked(layout.previous)) if folder]
    names = {folder.name for folder in kept}
    environments = {environment_of(folder) for folder in kept}
    _remove_others(layout.releases, names)
    _remove_others(layout.environments, environments)
    _remove_others(layout.incoming, set())
    _remove_others(layout.work, _young(layout))


def environment_of(folder: Path) -> str | None:
    """Return the environment a release names; None if it names none or cannot be read."""
    try:
        return read_release(folder).environment
    except RefusalError:
        return None


def _young(layout: Layout) -> set[Any]:
    """Return the folders of commands that may still be running: a crash leaves its own behind."""
    now = layout.lock.stat().st_mtime  # written as this deploy began
    return {
        entry.name for entry in layout.work.iterdir() if now - entry.stat().st_mtime < LONGEST_RUN
    }


def _remove_others(folder: Path, kept: set[Any]) -> None:
    for entry in sorted(folder.iterdir()):
        if entry.name in kept:
            continue
        if entry.is_dir() and not entry.is_symlink():
            remove_folder(entry)
        else:
            entry.unlink()
