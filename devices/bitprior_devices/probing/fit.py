"""Fit a profile to a board, and say which engine will run there."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bitprior_runtime.profiles import Profile, load_profile, profile_names

# What each engine on its kernels needs to have worked.
NEEDS = {
    "float/numpy": "numpy",
    "float/native": "native",
    "integer/numpy": "numpy",
    "integer/native": "native",
    "onnx/onnxruntime": "onnxruntime",
    "onnx-training/onnxruntime-training": "onnxruntime-training",
}


@dataclass(frozen=True)
class Fit:
    """The profile of a board.

    Attributes:
        profile: The profile.
        exact: Whether the board says itself that it is this model.
        lacking: Features the profile promises that the board does not show.
    """

    profile: Profile
    exact: bool
    lacking: tuple[str, ...]


def fit_profile(facts: dict[str, Any], folder: Path | None = None) -> Fit | None:
    """Return the profile that fits a board best.

    By the model in its device tree; else the same architecture, no feature the board lacks, and
    then most features and nearest number of cores. None if the architecture has no profile.

    Args:
        facts: What the board says of itself.
        folder: Of the user's profiles.
    """
    profiles = [load_profile(name, folder) for name in profile_names(folder)]
    model, features = facts["model"] or "", set(facts["cpu"]["features"])
    named = [
        (max(len(start) for start in profile.models if model.startswith(start)), profile)
        for profile in profiles
        if any(model.startswith(start) for start in profile.models)
    ]
    if named:
        profile = max(named, key=lambda pair: pair[0])[1]
        return Fit(profile, True, tuple(sorted(set(profile.features) - features)))
    alike = [
        profile
        for profile in profiles
        if profile.architecture == facts["machine"] and set(profile.features) <= features
    ]
    if not alike:
        return None
    cores = facts["cpu"]["cores"]
    best = max(alike, key=lambda p: (len(p.features), -abs(p.core_count - cores)))
    return Fit(best, best.name == "pc", ())


def choose_engine(
    preferred: Iterable[str], trials: list[dict[str, Any]], possible: Iterable[str]
) -> str | None:
    """Return the first preferred engine whose libraries work there.

    Args:
        preferred: ``engine/kernel`` in order.
        trials: How the board's libraries fared.
        possible: Engines the bundle can run on.
    """
    works = {trial["name"] for trial in trials if trial["works"]}
    allowed = set(possible)
    for name in preferred:
        # numpy also stands for bitprior itself: without it there is nothing to run.
        if name in allowed and {NEEDS[name], "numpy"} <= works:
            return name
    return None
