"""The state a benchmark depends on: governor, clock, temperature, and whether it was throttled."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

SYSTEM = Path("/")

# Bits of get_throttled: what is so now, and (16 higher) what has been so since the board booted.
THROTTLE_BITS = {
    0: "under-voltage",
    1: "clock capped",
    2: "throttled",
    3: "soft temperature limit",
}
_SINCE_BOOT = 16


@dataclass(frozen=True)
class BoardState:
    """State at one moment; None where the board does not say.

    Attributes:
        governor: Frequency governor of the first core.
        clock_mhz: Its clock, MHz.
        temperature_c: Hottest thermal zone, degrees Celsius.
        throttled: The Raspberry Pi's get_throttled bits.
        slowed: How often the cores slowed themselves since boot, summed (x86).
    """

    governor: str | None
    clock_mhz: float | None
    temperature_c: float | None
    throttled: int | None
    slowed: int | None


def read_state(system: Path = SYSTEM) -> BoardState:
    """Read the state of this board.

    Args:
        system: Root of the file system: another one in tests.
    """
    scaling = system / "sys/devices/system/cpu/cpu0/cpufreq"
    clock = _number(scaling / "scaling_cur_freq")
    zones = [_number(path) for path in (system / "sys/class/thermal").glob("thermal_zone*/temp")]
    heat = [zone for zone in zones if zone is not None]
    cores = (system / "sys/devices/system/cpu").glob("cpu[0-9]*/thermal_throttle")
    counts = [_number(core / "core_throttle_count") for core in cores]
    slowed = [int(count) for count in counts if count is not None]
    return BoardState(
        governor=read_text(scaling / "scaling_governor"),
        clock_mhz=None if clock is None else clock / 1000,
        temperature_c=max(heat) / 1000 if heat else None,
        throttled=_throttled(system),
        slowed=sum(slowed) if slowed else None,
    )


def throttle_names(bits: int) -> list[str]:
    """Name the get_throttled bits that are set."""
    now = [name for bit, name in THROTTLE_BITS.items() if bits >> bit & 1]
    past = [f"{name} since boot" for bit, name in THROTTLE_BITS.items() if bits >> bit >> 16 & 1]
    return now + past


def why_invalid(before: BoardState, after: BoardState) -> str:
    """Say why a run between two states does not count; empty if it does.

    It does not if a throttle bit is set at either end, or was set in between: then one of the
    bits that remember is set that was not.
    """
    first, last = before.throttled or 0, after.throttled or 0
    now = (first | last) & (1 << _SINCE_BOOT) - 1
    fresh = (last & ~first) >> _SINCE_BOOT
    names = [name for bit, name in THROTTLE_BITS.items() if (now | fresh) >> bit & 1]
    if (after.slowed or 0) > (before.slowed or 0):
        names.append("cores slowed themselves")
    return ", ".join(names)


def describe(before: BoardState, after: BoardState) -> str:
    """Return both states in one line."""
    parts = []
    if before.governor:
        parts.append(f"governor {before.governor}")
    if before.clock_mhz is not None and after.clock_mhz is not None:
        parts.append(f"{before.clock_mhz:.0f} to {after.clock_mhz:.0f} MHz")
    if before.temperature_c is not None and after.temperature_c is not None:
        parts.append(f"{before.temperature_c:.1f} to {after.temperature_c:.1f} degrees C")
    if before.throttled is not None and after.throttled is not None:
        parts.append(f"throttle bits {before.throttled:#x} to {after.throttled:#x}")
    return ", ".join(parts) or "governor, clock, temperature and throttling unknown"


def read_text(path: Path) -> str | None:
    """Return a short text the kernel shows, without its end (NUL or newline); None if none."""
    try:
        return path.read_bytes().rstrip(b"\0\n").decode("utf-8", "replace")
    except OSError:
        return None


def _number(path: Path) -> float | None:
    text = read_text(path)
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _throttled(system: Path) -> int | None:
    """Read get_throttled from the kernel's firmware driver, else ask vcgencmd."""
    text = read_text(system / "sys/devices/platform/soc/soc:firmware/get_throttled")
    command = system / "usr/bin/vcgencmd"
    if text is None and command.is_file():
        done = subprocess.run(
            [str(command), "get_throttled"], capture_output=True, text=True, check=False
        )
        text = done.stdout.strip().rpartition("=")[2]
    try:
        return None if text is None else int(text, 16)
    except ValueError:
        return None
