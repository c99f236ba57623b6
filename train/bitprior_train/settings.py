"""From preset, TOML file and overrides to one validated configuration, and back to TOML."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import BaseModel, ValidationError

from bitprior_runtime.errors import MissingFileError, UsageError
from bitprior_train.config import TrainConfig
from bitprior_train.presets import PRIORS, RECIPES, SYSTEMS, preset_names, preset_text

Table = dict[str, Any]


_KINDS = {"": "data set", SYSTEMS: "system", RECIPES: "preset", PRIORS: "prior"}


def read_preset(name: str, kind: str = "") -> Table:
    """Return the table of a data set, or of a system or recipe to lay over it.

    Raises:
        UsageError: No such preset.
    """
    known = preset_names(kind)
    if name not in known:
        raise UsageError(
            f"a {_KINDS[kind]} out of {', '.join(known)}", repr(name), "choose one of them"
        )
    return tomllib.loads(preset_text(name, kind))


def read_table(path: Path) -> Table:
    """Return the table of a TOML file.

    Raises:
        MissingFileError: It cannot be read.
        UsageError: It is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MissingFileError(
            f"a readable configuration {path}", error.strerror or str(error), "check the name"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"TOML in {path}", str(error), "correct the file") from error


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> Table:
    """Return ``base`` with the entries of ``over`` laid over it, table by table."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            value = merge(below, value)
        merged[key] = value
    return merged


def parse_override(text: str) -> Table:
    """Turn ``optimiser.lr=1e-3`` into ``{"optimiser": {"lr": 0.001}}``.

    Raises:
        UsageError: No ``=`` in it, an empty name, or more than one line.
    """
    name, equals, value = text.partition("=")
    keys = name.strip().split(".")
    if not equals or not all(keys) or "\n" in value:
        raise UsageError("section.key=value", repr(text), "write e.g. --set optimiser.lr=1e-3")
    try:
        parsed: Any = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value.strip()  # a bare word is a string
    for key in reversed(keys):
        parsed = {key: parsed}
    return dict(parsed)


def validate(table: Mapping[str, Any]) -> TrainConfig:
    """Validate a table.

    Raises:
        UsageError: Unknown key, wrong type or value; the first one found is named, together with
            the keys that are known there.
    """
    try:
        return TrainConfig.model_validate(dict(table))
    except ValidationError as error:
        raise usage_error(error, TrainConfig) from error


def resolve(base: Table, overrides: Iterable[Mapping[str, Any]]) -> TrainConfig:
    """Lay overrides over a table, in order, and validate the result."""
    for over in overrides:
        base = merge(base, over)
    return validate(base)


def to_toml(config: BaseModel) -> str:
    """Return the whole configuration, defaults included, as TOML."""
    return tomli_w.dumps(config.model_dump(mode="json"))


def differences(left: TrainConfig, right: TrainConfig) -> list[str]:
    """Name the keys, as ``section.key``, in which two configurations differ."""
    a, b = left.model_dump(), right.model_dump()
    return [
        f"{section}.{key}"
        for section in a
        for key in a[section]
        if a[section][key] != b[section][key]
    ]


def usage_error(error: ValidationError, model: type[BaseModel]) -> UsageError:
    """Return the first complaint about a configuration of type ``model``, in our own words."""
    first = error.errors()[0]
    location = tuple(str(part) for part in first["loc"])
    place = ".".join(location) or "the configuration"
    if first["type"] == "extra_forbidden":
        known = ", ".join(_known_keys(model, location[:-1]))
        return UsageError(
            f"a known key{' of ' + '.'.join(location[:-1]) if location[:-1] else ''} ({known})",
            f"unknown key {place!r}",
            "correct its name or remove it",
        )
    message = first["msg"].removeprefix("Value error, ")
    found = "nothing" if first["type"] == "missing" else repr(first.get("input"))
    if first["type"] == "value_error":
        return UsageError(f"values of {place} that fit each other", message, "correct them")
    return UsageError(f"{place}: {message}", found, "correct the value")


def _known_keys(top: type[BaseModel], location: tuple[str, ...]) -> list[str]:
    model: Any = top
    for part in location:
        model = model.model_fields[part].annotation
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return []
    return list(model.model_fields)
