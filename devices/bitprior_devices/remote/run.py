"""Run a verb of the runtime on a deployed bundle; inputs come, outputs go over the connection."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from bitprior_devices.remote.child import run_child
from bitprior_devices.remote.layout import Layout, layout_of
from bitprior_devices.remote.receive import parse_file, receive_files
from bitprior_devices.remote.refusal import RefusalError
from bitprior_devices.remote.release import BUNDLE, Release, linked, read_release
from bitprior_devices.remote.wire import Wire, sha256_of

VERBS = ("recover", "bench", "verify", "info")


def run(request: dict[str, Any], wire: Wire) -> dict[str, Any]:
    """Run one verb.

    Args:
        request: ``root``, ``bundle`` (SHA-256), ``verb``, ``arguments`` after the bundle,
            ``inputs`` to receive, ``output`` to send back or None. The verb runs in a folder
            of its own, where inputs and output have plain names.
        wire: The other end.

    Returns:
        ``out``, what the verb printed; ``status`` and ``reason``; ``output``, its size and hash,
        whose bytes follow.

    Raises:
        RefusalError: The bundle is not deployed here, or the verb is none that is run so.
    """
    layout = layout_of(request["root"])
    inputs = [parse_file(fields) for fields in request["inputs"]]
    if request["verb"] not in VERBS:
        raise RefusalError(f"a verb among {', '.join(VERBS)}", repr(request["verb"]), "choose one")
    place, release = find_release(layout, request["bundle"])
    folder = Path(tempfile.mkdtemp(dir=str(layout.work)))
    try:
        receive_files(wire, folder, inputs)
        wire.send({"step": request["verb"]})
        command = [release.python, "-m", "bitprior_runtime", request["verb"], str(place / BUNDLE)]
        ended = run_child(command + request["arguments"], release.site(layout), folder=folder)
        result: dict[str, Any] = {"status": ended.status, "out": ended.out, "output": None}
        result["reason"] = ended.reason if ended.status != 0 else ""
        name = request["output"]
        if name is None or ended.status != 0:
            return result
        return {**result, "output": _send(wire, folder / name)}
    finally:
        shutil.rmtree(str(folder), ignore_errors=True)


def _send(wire: Wire, path: Path) -> dict[str, Any]:
    size = path.stat().st_size
    fields = {"size": size, "sha256": sha256_of(path)}
    wire.send({"output": fields})
    with path.open("rb") as file:
        wire.send_bytes(file, size)
    return fields


def find_release(layout: Layout, bundle: str) -> tuple[Path, Release]:
    """Return the release that holds a bundle: the current one or the one before.

    Raises:
        RefusalError: Neither does.
    """
    found = []
    for link in (layout.current, layout.previous):
        folder = linked(link)
        if folder is None:
            continue
        release = read_release(folder)
        if release.bundle_sha256 == bundle:
            return folder, release
        found.append(f"{release.bundle_sha256[:12]} ({link.name})")
    raise RefusalError(
        f"the bundle with SHA-256 {bundle[:12]}... in {layout.root}",
        ", ".join(found) or "no deployed bundle",
        "run: bitprior deploy",
    )
