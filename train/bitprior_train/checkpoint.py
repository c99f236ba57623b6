"""Checkpoints: one safetensors file, replaced whole, from which a run continues exactly."""

import json
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from bitprior_runtime.errors import MissingFileError
from bitprior_runtime.files import write_atomically

NAME = "checkpoint.safetensors"
BEST = "best.safetensors"  # weights of the best validation, until the run ends with them
_FORMAT = "bitprior-checkpoint 1"


def save_checkpoint(
    folder: Path, tensors: dict[str, Tensor], meta: dict[str, Any], name: str = NAME
) -> None:
    """Write tensors and meta data (JSON) as the folder's checkpoint."""
    whole = {name: t.detach().contiguous().clone() for name, t in tensors.items()}
    metadata = {"format": _FORMAT, "meta": json.dumps(meta)}
    write_atomically(folder / name, safetensors.torch.save(whole, metadata))


def load_checkpoint(folder: Path, name: str = NAME) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what :func:`save_checkpoint` wrote.

    Raises:
        MissingFileError: No checkpoint there, or not one of this format.
    """
    path = folder / name
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, safetensors.SafetensorError) as error:
        raise MissingFileError(
            f"a checkpoint {path}", str(error), "name the folder of a training run"
        ) from error
    if metadata.get("format") != _FORMAT:
        raise MissingFileError(
            f"{_FORMAT!r} in {path}",
            repr(metadata.get("format")),
            "resume with the version that wrote it",
        )
    return tensors, json.loads(metadata["meta"])


def below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with ``prefix``, without it."""
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
