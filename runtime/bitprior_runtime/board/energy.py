"""Energy from a real meter: the INA3221 sensors of Jetson boards, through sysfs. None, no figure.

Kernels of JetPack 5 and newer show each rail under hwmon (millivolts and milliamperes), older ones
under iio (milliwatts).
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from bitprior_runtime.board.state import SYSTEM, read_text

INTERVAL = 0.05


@dataclass(frozen=True)
class Rail:
    """One supply rail with a meter.

    Attributes:
        name: As the board names it.
        factors: Files whose values multiply to its power.
        unit: Watts per unit of that product.
    """

    name: str
    factors: tuple[Path, ...]
    unit: float

    def watts(self) -> float:
        """Read its power now, W."""
        power = self.unit
        for path in self.factors:
            power *= float(path.read_text())
        return power


def find_rails(system: Path = SYSTEM) -> list[Rail]:
    """Return the rails of this board that have a meter."""
    drivers = system / "sys/bus/i2c/drivers"
    rails = []
    for label in sorted(drivers.glob("ina3221/*/hwmon/hwmon*/in*_label")):
        number = label.name[len("in") : -len("_label")]
        factors = (label.with_name(f"in{number}_input"), label.with_name(f"curr{number}_input"))
        if all(path.is_file() for path in factors):
            rails.append(Rail(read_text(label) or number, factors, 1e-6))
    for label in sorted(drivers.glob("ina3221x/*/iio:device*/rail_name_*")):
        power = label.with_name(f"in_power{label.name.rpartition('_')[2]}_input")
        if power.is_file():
            rails.append(Rail(read_text(label) or power.name, (power,), 1e-3))
    return rails


class EnergyMeter:
    """Averages the power of all rails while it is open.

    Args:
        rails: What to read.
    """

    def __init__(self, rails: list[Rail]) -> None:
        self.rails = rails
        self._samples: list[list[float]] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._begin = time.perf_counter()
        if self.rails:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._seconds = time.perf_counter() - self._begin
        self._done.set()
        if self.rails:
            self._thread.join()

    def _sample(self) -> None:
        while True:
            self._samples.append([rail.watts() for rail in self.rails])
            if self._done.wait(INTERVAL):
                return

    def per_run(self, runs: int) -> dict[str, Any] | None:
        """Return mean watts and joules a run of every rail, and their source; None: no meter."""
        if not self.rails:
            return None
        means = [sum(values) / len(values) for values in zip(*self._samples, strict=True)]
        rails = {
            rail.name: {"watts": watts, "joules_per_run": watts * self._seconds / runs}
            for rail, watts in zip(self.rails, means, strict=True)
        }
        source = f"INA3221, {self.rails[0].factors[0].parent}"
        return {"source": source, "samples": len(self._samples), "rails": rails}
