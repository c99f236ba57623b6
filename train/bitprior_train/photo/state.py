"""All that a step of a photo prior's training depends on, as tensors of its checkpoint."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing.covariance import Covariance, covariance_of
from bitprior_train.checkpoint import below, load_checkpoint
from bitprior_train.photo.config import FLOAT, PhotoConfig, PhotoModelConfig
from bitprior_train.photo.networks import PhotoNetworks
from bitprior_train.photo.optimiser import PhotoOptimiser
from bitprior_train.photo.photos import PhotoSets
from bitprior_train.photo.widening import widened

Tensors = dict[str, Tensor]


def first_state(
    config: PhotoConfig, sets: PhotoSets, init_from: Path | None
) -> tuple[Tensors, dict[str, Any]]:
    """Return tensors and meta data of step 0.

    Args:
        config: The run.
        sets: Its photos.
        init_from: The run it starts from, if any.

    Raises:
        MissingFileError: That run has no checkpoint.
        UsageError: It does not fit.
    """
    torch.manual_seed(config.run.seed)
    meta: dict[str, Any] = {
        "step": 0,
        "init_from": str(init_from) if init_from else None,
        "split_hash": sets.split_hash,
        "config": config.model_dump(mode="json"),
    }
    teacher: Tensors = {}
    if init_from is None:
        size = min(64, *sets.main.shape[1:])
        covariance = covariance_of(sets.main.astype("float32") / 255, size)
        networks = PhotoNetworks(config.model, covariance.mean)
    else:
        tensors, before = load_checkpoint(init_from)
        covariance = Covariance(float(before["mean"]), tensors["covariance"].numpy())
        model, state = _model_of(before), below("networks.", tensors)
        networks = _started(config, covariance.mean, model, state)
        if config.loss.distillation:
            teacher = {f"teacher.{name}": value for name, value in state.items()}
            meta["teacher"] = model.model_dump(mode="json")
    optimiser = PhotoOptimiser(config.optimiser, dict(networks.named_parameters()))
    meta["mean"] = covariance.mean
    return tensors_of(networks, optimiser, covariance) | teacher, meta


def tensors_of(
    networks: PhotoNetworks, optimiser: PhotoOptimiser, covariance: Covariance
) -> Tensors:
    """Return everything that a step depends on, by name."""
    found = {f"networks.{name}": value for name, value in networks.state_dict().items()}
    found |= {f"optimiser.{name}": value for name, value in optimiser.tensors().items()}
    return found | {"covariance": torch.from_numpy(covariance.table)}


def teacher_of(tensors: Tensors, meta: dict[str, Any]) -> PhotoNetworks | None:
    """Return the prior that a checkpoint's run follows, or None."""
    if "teacher" not in meta:
        return None
    model = PhotoModelConfig.model_validate(meta["teacher"])
    networks = PhotoNetworks(model, float(meta["mean"]))
    networks.load_state_dict(below("teacher.", tensors))
    return networks.requires_grad_(False)


def _model_of(meta: dict[str, Any]) -> PhotoModelConfig:
    try:
        return PhotoModelConfig.model_validate(meta["config"]["model"])
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(
            "a run of bitprior train --prior photo to start from",
            "a run of something else",
            "name another run with --init-from",
        ) from error


def _started(
    config: PhotoConfig, mean: float, before: PhotoModelConfig, state: Tensors
) -> PhotoNetworks:
    """Return networks that begin where another run's ended."""
    model, how = config.model, config.widening
    if before.steps != model.steps:
        raise UsageError(
            f"model.steps {before.steps}, as the run to start from has",
            str(model.steps),
            "set it alike, or start from another run",
        )
    networks = PhotoNetworks(model, mean)
    if before.channels != model.channels or before.bits == FLOAT != model.bits:
        state = widened(
            state, model.channels, how.smaller, how.dither, config.run.seed, how.equalise
        )
    if _widths(before) != _widths(model):
        # The scales of another width begin anew from the weights.
        state = {name: value for name, value in state.items() if "scaling_impl" not in name}
    networks.load_state_dict(state, strict=False)
    networks.weights()  # learned scales take their start from the weights
    return networks


def _widths(model: PhotoModelConfig) -> tuple[int, int, int]:
    return model.bits, model.edge_bits, model.linear_bits
