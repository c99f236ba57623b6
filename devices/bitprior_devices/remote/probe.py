"""Describe the board, and try every library an engine needs, each in a process of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from bitprior_devices.remote.child import run_child
from bitprior_devices.remote.facts import read_facts
from bitprior_devices.remote.layout import Layout, layout_of
from bitprior_devices.remote.refusal import RefusalError
from bitprior_devices.remote.release import linked, read_release
from bitprior_devices.remote.wire import Wire

# A Pi Zero 2 W takes many seconds to import a large library for the first time.
SECONDS = 120.0


def probe(request: dict[str, Any], wire: Wire) -> dict[str, Any]:
    """Probe this board.

    Args:
        request: ``root``; ``python``, whose packages to try, None for those of the current
            release; ``trials``, names; ``trial``, the program that is run with each.
        wire: Told of each trial.

    Returns:
        ``facts`` and ``trials``: for each its name, ``works``, ``version``, ``peak_mb`` and a
        ``reason`` if it does not.
    """
    layout = layout_of(request["root"])
    python, site = _python(layout, request["python"])
    rows = []
    for name in request["trials"]:
        wire.send({"step": f"try {name}"})
        ended = run_child([python, "-c", request["trial"], name], site, SECONDS)
        works = ended.status == 0
        row: dict[str, Any] = {"name": name, "works": works, "version": None, "peak_mb": None}
        # A trial that crashed has still said which release it was about to import.
        for line in ended.out.splitlines():
            row.update(json.loads(line))
        rows.append({**row, "reason": "" if works else ended.reason})
    return {"facts": read_facts(layout), "trials": rows, "runs": python}


def _python(layout: Layout, named: str | None) -> tuple[str, Path | None]:
    """Return the Python that runs engines here, and where its packages are."""
    folder = linked(layout.current)
    if named is not None or folder is None:
        return named or sys.executable, None
    try:
        release = read_release(folder)
    except RefusalError:
        return sys.executable, None  # a damaged release is no reason not to look at the board
    return release.python, release.site(layout)
