"""The commands that make a bundle again, from what it says about its training."""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from pydantic import ValidationError

from bitprior_runtime.errors import UsageError
from bitprior_train.config import TrainConfig
from bitprior_train.presets import RECIPES, preset_names
from bitprior_train.residual.config import ResidualConfig
from bitprior_train.residual.session import KIND, resolve_residual
from bitprior_train.session import Request, resolve_config
from bitprior_train.settings import differences, validate


def making_commands(training: Mapping[str, Any], stem: str) -> list[str]:
    """Return the commands that train and export a bundle; none if it does not say how.

    Args:
        training: The bundle's provenance.
        stem: Name for the run and the bundle.
    """
    if training.get("kind") == KIND:
        return _of_residual(training, stem)
    try:
        config = validate(training["config"])
    except (KeyError, TypeError, UsageError):  # a stranger's bundle, or one of a later version
        return []
    train = ["bitprior", "train", config.data.name, *_options(config)]
    start = training.get("init_from")
    if start:
        train += ["--init-from", f"runs/{PurePath(start).name}"]
    export = ["bitprior", "export", f"runs/{stem}", "--out", f"{stem}.bitprior"]
    sensing_bits = training.get("sensing_bits_after_training")
    if sensing_bits:
        export += ["--sensing-bits", str(sensing_bits)]
    return [shlex.join([*train, "--out", f"runs/{stem}"]), shlex.join(export)]


def _of_residual(training: Mapping[str, Any], stem: str) -> list[str]:
    """Return those of a linear-residual prior."""
    try:
        config = ResidualConfig.model_validate(training["config"])
    except (KeyError, ValidationError):
        return []
    named: dict[str, dict[str, Any]] = {
        "quantiser": {"bits": config.quantiser.bits},
        "model": {"measurements": config.model.measurements},
        "optimiser": {"steps": config.optimiser.steps},
        "run": {"seed": config.run.seed},
    }
    train = ["bitprior", "train", config.data.name, "--prior", KIND]
    for table in named.values():
        train += [word for name, value in table.items() for word in (f"--{name}", str(value))]
    base = resolve_residual(Request(config.data.name, Path(), options=named))
    dumped = config.model_dump(mode="json")
    for section, table in base.model_dump(mode="json").items():
        for name in (name for name, value in table.items() if dumped[section][name] != value):
            train += ["--set", f"{section}.{name}={json.dumps(dumped[section][name])}"]
    if start := training.get("init_from"):
        train += ["--init-from", f"runs/{PurePath(start).name}"]
    export = ["bitprior", "export", f"runs/{stem}", "--out", f"{stem}.bitprior"]
    return [shlex.join([*train, "--out", f"runs/{stem}"]), shlex.join(export)]


def _options(config: TrainConfig) -> list[str]:
    """Return the options that lead to a configuration, with the recipe that leaves fewest."""
    recipes = [None, *preset_names(RECIPES)]
    return min((_with_recipe(config, recipe) for recipe in recipes), key=len)


def _with_recipe(config: TrainConfig, recipe: str | None) -> list[str]:
    model = config.model
    named: dict[str, dict[str, Any]] = {
        "quantiser": {"bits": config.quantiser.bits},
        "model": {"measurements": model.measurements, "sparsity": model.sparsity},
        "optimiser": {"steps": config.optimiser.steps},
        "run": {"seed": config.run.seed},
    }
    # The latent goes first: the sparsity must fit it while the others are not yet laid over.
    base = resolve_config(
        Request(
            config.data.name,
            Path(),
            system=config.system.name,
            recipe=recipe,
            options={**named, "model": {**named["model"], "latent": model.latent}},
        )
    )
    changed = differences(base, config)
    if model.latent != resolve_config(Request(config.data.name, Path())).model.latent:
        changed.append("model.latent")
    options = ["--system", config.system.name]
    options += [] if recipe is None else ["--preset", recipe]
    for table in named.values():
        for name, value in table.items():
            options += [f"--{name}", str(value)]
    dumped = config.model_dump(mode="json")
    for key in changed:
        section, name = key.split(".")
        options += ["--set", f"{key}={json.dumps(dumped[section][name])}"]
    return options
