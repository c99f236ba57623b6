"""Priors so small that they need no training to be cut, and a data set for them."""

import io
import json
from pathlib import Path

import numpy as np
import torch

from bitprior_runtime.files import write_atomically
from bitprior_train.checkpoint import save_checkpoint
from bitprior_train.config import DataConfig, QuantiserConfig
from bitprior_train.priors.config import Kind, PriorConfig, PriorModelConfig
from bitprior_train.priors.networks import make_prior

KINDS: tuple[Kind, ...] = ("dcgan", "began", "vae")
LATENT = 5
GEOMETRY = (3, 64, 64)


def prior_config(kind: Kind, bits: int = 32) -> PriorConfig:
    """Return the configuration of a tiny prior."""
    return PriorConfig(
        data=DataConfig(name="celeba64", validation=6),
        model=PriorModelConfig(kind=kind, latent=LATENT, filters=2, critic_filters=2),
        quantiser=QuantiserConfig(bits=bits),
    )


def tiny_generator(kind: Kind, bits: int = 32, seed: int = 0) -> torch.nn.Module:
    """Return a generator in evaluation mode, with default weights and uneven batch norms."""
    torch.manual_seed(seed)
    config = prior_config(kind, bits)
    generator = make_prior(config.model, GEOMETRY, config.quantiser)
    for module in generator.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.01, 0.1)
    generator.eval()
    with torch.no_grad():
        generator(torch.zeros(2, LATENT))  # learned scales take their start from the weights
    return generator


def write_prior(folder: Path, kind: Kind, bits: int = 32, split_hash: str = "0" * 64) -> Path:
    """Write what is read of a finished run: run.json and the checkpoint."""
    folder.mkdir()
    config = prior_config(kind, bits)
    tensors = tiny_generator(kind, bits).state_dict()
    save_checkpoint(folder, {f"generator.{n}": t for n, t in tensors.items()}, {"step": 0})
    record = {
        "kind": "prior",
        "split_hash": split_hash,
        "geometry": list(GEOMETRY),
        "config": config.model_dump(mode="json"),
    }
    (folder / "run.json").write_text(json.dumps(record))
    return folder


def write_photos(folder: Path, name: str, train: int = 26, test: int = 4) -> None:
    """Write an archive of made-up images of 64 x 64, gradients of colour."""
    random = np.random.default_rng(0)
    ramp = np.linspace(0.3, 1, 64)[None, :, None, None]
    colours = random.random((train + test, 1, 1, 3))
    images = (255 * colours * ramp * np.ones((1, 1, 64, 1))).astype(np.uint8)
    archive = io.BytesIO()
    np.savez(archive, train_x=images[:train], test_x=images[train:])
    write_atomically(folder / f"{name}.npz", archive.getvalue())
