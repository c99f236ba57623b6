"""A trained prior of ``bitprior train --prior``, ready to be cut."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from bitprior_runtime.errors import MissingFileError
from bitprior_train.architectures import FLOAT
from bitprior_train.checkpoint import below, load_checkpoint
from bitprior_train.priors.config import Kind, PriorConfig
from bitprior_train.priors.networks import Geometry, make_prior
from bitprior_train.quantisers import quantised_parameters


@dataclass(frozen=True, eq=False)
class Prior:
    """A finished run's generator.

    Attributes:
        run: Name of the run's folder.
        config: What was trained.
        geometry: (3, H, W) of the images.
        split_hash: Of the images it was trained on.
        generator: In evaluation mode, its weights constant. Of a low-bit run, torch's own layers
            with the quantised weights: the same images without quantising at every call.
    """

    run: str
    config: PriorConfig
    geometry: Geometry
    split_hash: str
    generator: nn.Module

    @property
    def kind(self) -> Kind:
        """``dcgan``, ``began`` or ``vae``."""
        return self.config.model.kind


def load_prior(folder: Path) -> Prior:
    """Load the generator of a finished run, at any bit width.

    Raises:
        MissingFileError: No finished run of a prior there.
    """
    record = _read_record(folder)
    config = PriorConfig.model_validate(record["config"])
    channels, height, width = record["geometry"]
    geometry = (channels, height, width)
    generator = make_prior(config.model, geometry, config.quantiser)
    generator.load_state_dict(below("generator.", load_checkpoint(folder)[0]))
    if config.quantiser.bits != FLOAT.bits:
        trained, generator = generator.eval(), make_prior(config.model, geometry, FLOAT)
        generator.load_state_dict(quantised_parameters(trained))
    generator.eval().requires_grad_(False)
    return Prior(folder.resolve().name, config, geometry, record["split_hash"], generator)


def untrained(prior: Prior) -> nn.Module:
    """Return the same network with torch's default initial weights, drawn anew at every call."""
    generator = make_prior(prior.config.model, prior.geometry, FLOAT)
    return generator.eval().requires_grad_(False)


def _read_record(folder: Path) -> dict[str, Any]:
    path = folder / "run.json"
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MissingFileError(
            f"a finished run {folder} of bitprior train --prior", str(error), "name its folder"
        ) from error
    if record.get("kind") != "prior":
        raise MissingFileError(
            f"a run {folder} of a prior",
            "a run with a sensing network",
            "train one: bitprior train DATASET --prior dcgan --out RUN",
        )
    return record
