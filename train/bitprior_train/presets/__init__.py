"""Presets: one TOML file per data set, the defaults of ``bitprior train NAME``."""

from importlib.resources import files


def preset_names() -> tuple[str, ...]:
    """Return the names of all presets, sorted."""
    entries = files(__name__).iterdir()
    return tuple(sorted(e.name.removesuffix(".toml") for e in entries if e.name.endswith(".toml")))


def preset_text(name: str) -> str:
    """Return the TOML text of the preset ``name``, one of :func:`preset_names`."""
    return (files(__name__) / f"{name}.toml").read_text(encoding="utf-8")
