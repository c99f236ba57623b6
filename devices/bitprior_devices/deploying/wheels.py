"""The wheels a board needs: bitprior's own, and those of what it depends on."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bitprior_devices.errors import DeviceRefusedError
from bitprior_devices.remote.wire import sha256_of
from bitprior_runtime.errors import BitpriorError
from bitprior_runtime.version import __version__

# The oldest glibc that wheels of numpy are built for.
OLDEST_GLIBC = 17
OLDEST_PYTHON = (3, 11)
_BUILD = {
    "aarch64": "CC=aarch64-linux-gnu-gcc BITPRIOR_TARGET_PLATFORM=linux_aarch64 "
    "python -m build --wheel",
}


@dataclass(frozen=True)
class Platform:
    """What a board's wheels must fit.

    Attributes:
        machine: As uname names it.
        python: Version of its Python, (major, minor).
        glibc: Minor version of its glibc 2.
    """

    machine: str
    python: tuple[int, int]
    glibc: int

    @property
    def tags(self) -> list[str]:
        """Platform tags of wheels that run there, newest first: pip expands none by itself."""
        newest = [f"manylinux_2_{minor}" for minor in range(self.glibc, OLDEST_GLIBC - 1, -1)]
        return [f"{name}_{self.machine}" for name in (*newest, "manylinux2014", "linux")]


def platform_of(facts: dict[str, Any]) -> Platform:
    """Read a board's platform from what it says of itself.

    Raises:
        DeviceRefusedError: No wheels are built for such a board.
    """
    machine, bits = facts["machine"], facts["bits"]
    major, minor = (int(part) for part in facts["python"]["version"].split(".")[:2])
    glibc = re.fullmatch(r"glibc 2\.(\d+)", facts["libc"])
    if (major, minor) < OLDEST_PYTHON:
        raise DeviceRefusedError(
            "Python 3.11 or newer on the board", f"{major}.{minor}", "install a newer one there"
        )
    if bits != 64 or glibc is None:
        raise DeviceRefusedError(
            "a 64-bit system with glibc on the board",
            f"{bits} bits, {facts['libc'] or 'another libc'}",
            "install the 64-bit edition of its system: there are no wheels for this one",
        )
    return Platform(machine, (major, minor), int(glibc.group(1)))


def gather_wheels(folder: Path, platform: Platform) -> list[Path]:
    """Return all wheels a board needs; those not in ``folder`` are downloaded once.

    Args:
        folder: Where bitprior's own wheel lies, and any others that shall be used.
        platform: The board's.

    Raises:
        DeviceRefusedError: There is no wheel of bitprior for such a board.
        BitpriorError: pip could not find or fetch one of the others.
    """
    own = own_wheel(folder, platform)
    name = f"{platform.machine}-cp{platform.python[0]}{platform.python[1]}"
    place = _cache() / f"{name}-glibc2.{platform.glibc}-{sha256_of(own)[:16]}"
    done = place / "complete"
    if not done.is_file():
        _download(own, folder, platform, place)
        done.touch()
    return sorted(place.glob("*.whl"))


def own_wheel(folder: Path, platform: Platform) -> Path:
    """Return bitprior's wheel of this version for a board.

    Raises:
        DeviceRefusedError: There is none.
    """
    wheels = sorted(folder.glob(f"bitprior-{__version__}-*.whl"))
    for end in (f"linux_{platform.machine}.whl", "any.whl"):
        fitting = [wheel for wheel in wheels if wheel.name.endswith(end)]
        if fitting:
            return fitting[0]
    command = _BUILD.get(platform.machine, "python -m build --wheel")
    raise DeviceRefusedError(
        f"a wheel of bitprior {__version__} for {platform.machine} in {folder}",
        ", ".join(wheel.name for wheel in wheels) or "none",
        f"build one ({command}) and name its folder with --wheels",
    )


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "bitprior/wheels"


def _download(own: Path, folder: Path, platform: Platform, place: Path) -> None:
    place.mkdir(parents=True, exist_ok=True)
    major, minor = platform.python
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:"]
    command += ["--dest", str(place), "--find-links", str(folder), "--implementation", "cp"]
    command += ["--python-version", f"{major}.{minor}"]
    command += [f"--abi={abi}" for abi in (f"cp{major}{minor}", "abi3", "none")]
    command += [f"--platform={tag}" for tag in platform.tags]
    done = subprocess.run([*command, str(own)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise BitpriorError(
            f"pip to find all wheels of bitprior for {platform.machine}",
            lines[-1] if lines else f"exit status {done.returncode}",
            f"download them elsewhere and put them into {folder}",
        )
