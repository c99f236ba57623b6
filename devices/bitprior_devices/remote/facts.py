"""What a board is: read from its kernel, without any package."""

from __future__ import annotations

import os
import platform
import re
import shutil
import struct
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bitprior_devices.remote.layout import Layout
from bitprior_devices.remote.release import linked
from bitprior_runtime.board.state import SYSTEM, read_state, read_text


def read_facts(layout: Layout, system: Path = SYSTEM) -> dict[str, Any]:
    """Describe this board, ready for JSON; None where it does not say.

    Args:
        layout: Where bundles go: its disk counts.
        system: Root of the file system: another one in tests.
    """
    libc, version = platform.libc_ver()
    return {
        "model": board_model(system),
        "machine": platform.machine(),
        "bits": struct.calcsize("P") * 8,
        "kernel": platform.release(),
        "system": _system_name(system),
        "python": {"version": platform.python_version(), "path": sys.executable},
        "libc": f"{libc} {version}".strip(),
        "cpu": cpu(system),
        "memory_mib": _memory(system),
        "disk_free_mib": _free(layout.root),
        "cameras": cameras(system),
        "state": asdict(read_state(system)),
        "deployed": {
            link.name: None if folder is None else folder.name
            for link in (layout.current, layout.previous)
            for folder in [linked(link)]
        },
    }


def board_model(system: Path) -> str | None:
    """Return the name in the device tree, or that of a PC's firmware."""
    for place in (
        "proc/device-tree/model",
        "sys/firmware/devicetree/base/model",
        "sys/devices/virtual/dmi/id/product_name",
    ):
        text = read_text(system / place)
        if text:
            return text
    return None


def cpu(system: Path) -> dict[str, Any]:
    """Return number of cores, their name or part number, and their features."""
    text = read_text(system / "proc/cpuinfo") or ""
    features = re.search(r"^(?:Features|flags)\s*:\s*(.*)$", text, re.MULTILINE)
    name = re.search(r"^model name\s*:\s*(.*)$", text, re.MULTILINE)
    part = re.search(r"^CPU part\s*:\s*(.*)$", text, re.MULTILINE)
    found = name or part
    return {
        "cores": len(re.findall(r"^processor\s*:", text, re.MULTILINE)),
        "name": None if found is None else found.group(1).strip(),
        "features": [] if features is None else features.group(1).split(),
    }


def cameras(system: Path) -> list[dict[str, str]]:
    """Return the video devices the kernel shows."""
    found = sorted((system / "sys/class/video4linux").glob("video*"))
    return [
        {"device": f"/dev/{entry.name}", "name": read_text(entry / "name") or ""} for entry in found
    ]


def _system_name(system: Path) -> str | None:
    text = read_text(system / "etc/os-release") or ""
    name = re.search(r'^PRETTY_NAME="?([^"\n]*)', text, re.MULTILINE)
    return None if name is None else name.group(1)


def _memory(system: Path) -> dict[str, int | None]:
    text = read_text(system / "proc/meminfo") or ""
    sizes = {key: int(kib) // 1024 for key, kib in re.findall(r"^(\w+):\s*(\d+) kB$", text, re.M)}
    return {"total": sizes.get("MemTotal"), "available": sizes.get("MemAvailable")}


def _free(root: Path) -> int:
    nearest = next(folder for folder in (root, *root.parents) if folder.is_dir())
    return shutil.disk_usage(os.fspath(nearest)).free // 2**20
