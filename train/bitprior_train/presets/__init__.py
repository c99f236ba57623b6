"""Presets: one TOML file per data set, and systems and recipes that are laid over it."""

from importlib.resources import files
from importlib.resources.abc import Traversable

SYSTEMS, RECIPES, PRIORS = "systems", "recipes", "priors"


def preset_names(kind: str = "") -> tuple[str, ...]:
    """Return the names of all presets, sorted.

    Args:
        kind: Empty for data sets, the defaults of ``bitprior train NAME``; else SYSTEMS, RECIPES or
            PRIORS.
    """
    entries = _folder(kind).iterdir()
    return tuple(sorted(e.name.removesuffix(".toml") for e in entries if e.name.endswith(".toml")))


def preset_text(name: str, kind: str = "") -> str:
    """Return the TOML text of the preset ``name``, one of :func:`preset_names`."""
    return (_folder(kind) / f"{name}.toml").read_text(encoding="utf-8")


def _folder(kind: str) -> Traversable:
    return files(__name__) / kind if kind else files(__name__)
