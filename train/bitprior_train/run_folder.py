"""A run's folder: how one is begun, and what a run continues from."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel
from torch import Tensor

from bitprior_runtime.errors import UsageError
from bitprior_runtime.files import write_atomically
from bitprior_train.checkpoint import load_checkpoint, save_checkpoint
from bitprior_train.config import QuantiserConfig
from bitprior_train.data import Dataset
from bitprior_train.lock import exclusive, refuse_a_run
from bitprior_train.settings import read_table, to_toml, validate


def quantiser_of(run: Path) -> QuantiserConfig:
    """Return how the weights of a run were quantised."""
    return validate(read_table(run / "config.toml")).quantiser


def begin_run(
    folder: Path,
    config: BaseModel,
    data: Dataset,
    tensors: dict[str, Tensor],
    init_from: Path | None,
    more: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Make a run's folder with its checkpoint of step 0 and its configuration.

    Args:
        folder: Where; made if missing.
        config: The run.
        data: Its images.
        tensors: Everything that step 0 depends on, by name.
        init_from: The run it starts from, if any.
        more: What else the checkpoint's meta data says.

    Raises:
        UsageError: Another process has begun a run there, or is about to.
    """
    meta: dict[str, Any] = {
        "step": 0,
        "init_from": str(init_from) if init_from else None,
        "geometry": list(data.geometry),
        "split_hash": data.split_hash,
        **more,
    }
    folder.mkdir(parents=True, exist_ok=True)
    with exclusive(folder):
        refuse_a_run(folder)
        save_checkpoint(folder, tensors, meta)
        write_atomically(folder / "config.toml", to_toml(config).encode())


def continue_run(folder: Path, data: Dataset) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return tensors and meta data of a run's last checkpoint.

    Raises:
        UsageError: The images are not those the run began with.
    """
    tensors, meta = load_checkpoint(folder)
    if meta["split_hash"] != data.split_hash:
        raise UsageError(
            f"the images the run began with, split {meta['split_hash'][:12]}",
            f"split {data.split_hash[:12]}",
            "restore the data set, or start a new run",
        )
    return tensors, meta
