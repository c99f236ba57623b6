"""Draw conclusions from what a board said."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bitprior_devices.probing.fit import Fit, choose_engine, fit_profile
from bitprior_runtime.board.state import BoardState, describe, throttle_names
from bitprior_runtime.companions import KINDS
from bitprior_runtime.memory import BASE_MB, estimated_engines, peak_memory_mb
from bitprior_runtime.model import Model
from bitprior_runtime.profiles import Profile

_MIB = 2**20 / 1e6


@dataclass(frozen=True)
class Memory:
    """Whether a bundle fits.

    Attributes:
        name: Name of the model.
        engine: ``engine/kernel`` the estimate is for.
        needed_mb: Estimated peak of a recovery of one measurement, MB.
        available_mb: What the board has left, MB; None if it does not say.
    """

    name: str
    engine: str
    needed_mb: float
    available_mb: float | None

    @property
    def fits(self) -> bool:
        """Whether it does; True if the board does not say what it has."""
        return self.available_mb is None or self.needed_mb <= self.available_mb


@dataclass(frozen=True)
class Report:
    """A board, and what follows.

    Attributes:
        facts: What it said of itself.
        trials: How its libraries fared.
        fit: Its profile; None if none fits.
        engine: The engine that will run; None if none can.
        notes: What the user should know.
        memory: Whether the bundle fits, if one was given.
    """

    facts: dict[str, Any]
    trials: list[dict[str, Any]]
    fit: Fit | None
    engine: str | None
    notes: tuple[str, ...]
    memory: Memory | None

    @property
    def state_line(self) -> str:
        """Governor, clock, temperature and throttling, in words."""
        state = BoardState(**self.facts["state"])
        words = throttle_names(state.throttled or 0)
        return describe(state, state) + (f": {', '.join(words)}" if words else "")

    @property
    def profile_line(self) -> str:
        """Which profile, and how it was found."""
        if self.fit is None:
            return f"none for {self.facts['machine']}"
        how = "" if self.fit.exact else " (the nearest; the board does not say that it is one)"
        lacking = f"; lacks {', '.join(self.fit.lacking)}" if self.fit.lacking else ""
        return f"{self.fit.profile.name}{how}{lacking}"

    @property
    def memory_line(self) -> str:
        """Whether the bundle fits, in words; empty without one."""
        if self.memory is None:
            return ""
        memory = self.memory
        have = "unknown" if memory.available_mb is None else f"{memory.available_mb:.0f} MB"
        verdict = "fits" if memory.fits else "does NOT fit"
        return (
            f"{memory.name} {verdict}: about {memory.needed_mb:.0f} MB on {memory.engine}, "
            f"{have} available"
        )

    def as_json(self) -> dict[str, Any]:
        """Return it, ready for JSON."""
        fit, memory = self.fit, self.memory
        return {
            "facts": self.facts,
            "trials": self.trials,
            "profile": None if fit is None else fit.profile.name,
            "exact": fit is not None and fit.exact,
            "engine": self.engine,
            "notes": list(self.notes),
            "memory": None if memory is None else {**asdict(memory), "fits": memory.fits},
        }


def make_report(answer: dict[str, Any], model: Model | None, profiles: Path | None) -> Report:
    """Conclude.

    Args:
        answer: Facts and trials of a board.
        model: The bundle that shall run there.
        profiles: Folder of the user's profiles.
    """
    facts, trials = answer["facts"], answer["trials"]
    fit = fit_profile(facts, profiles)
    preferred = estimated_engines() if fit is None else fit.profile.engines
    possible = estimated_engines() if model is None else _possible(model)
    engine = choose_engine(preferred, trials, possible)
    notes = () if fit is None else tuple(_known_to_fail(fit.profile, trials))
    memory = None if model is None or engine is None else _memory(model, engine, answer)
    return Report(facts, trials, fit, engine, notes, memory)


def _possible(model: Model) -> list[str]:
    """Return the engines a bundle can run on, wherever their libraries are."""
    names = ["float/numpy", "float/native"]
    manifest = model.bundle.manifest
    if manifest.calibration is not None:
        names += ["integer/numpy", "integer/native"]
    if any(f"{kind}.onnx" in manifest.companions for kind in KINDS):
        names.append("onnx/onnxruntime")
    return names


def _known_to_fail(profile: Profile, trials: list[dict[str, Any]]) -> list[str]:
    versions = {trial["name"]: trial.get("version") for trial in trials}
    return [
        f"{report.package} {report.version} is known to fail on {profile.name}: {report.source}"
        for report in profile.runtimes
        if not report.works and versions.get(report.package) == report.version
    ]


def _memory(model: Model, engine: str, answer: dict[str, Any]) -> Memory:
    available = answer["facts"]["memory_mib"]["available"]
    base = next((t.get("peak_mb") for t in answer["trials"] if t["name"] == "numpy"), None)
    needed = peak_memory_mb(model.bundle, model.file_bytes, engine, base_mb=base or BASE_MB)
    return Memory(
        model.bundle.manifest.name, engine, needed, None if available is None else available * _MIB
    )
