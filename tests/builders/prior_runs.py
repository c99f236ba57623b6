"""A finished run of a prior, without the training: a random generator in the files of a run."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from bitprior_export.qonnx.writer import write_qonnx
from bitprior_train.config import QuantiserConfig
from bitprior_train.initialisation import initialise
from bitprior_train.priors.config import Kind, PriorModelConfig
from bitprior_train.priors.networks import make_prior

GEOMETRY = (3, 64, 64)
LATENT = 4
LICENCE = "Made up; free to use."


def make_generator(kind: Kind, bits: int) -> nn.Module:
    """Return a narrow generator with random weights, z [B, 4] -> x [B, 3, 64, 64]."""
    model = PriorModelConfig(kind=kind, latent=LATENT, filters=2, critic_filters=2)
    made = make_prior(model, GEOMETRY, QuantiserConfig(bits=bits))
    initialise(made, torch.Generator().manual_seed(0))
    return made.eval()


def make_prior_run(folder: Path, kind: Kind = "dcgan", bits: int = 4, **changed: Any) -> Path:
    """Write generator.onnx, samples.npz and run.json.

    Args:
        folder: Made here.
        kind: ``dcgan``, ``began`` or ``vae``.
        bits: Bit width of the generator.
        changed: Fields of run.json that differ.
    """
    folder.mkdir()
    random = torch.Generator().manual_seed(1)
    generator = make_generator(kind, bits)
    z = torch.randn((8, LATENT), generator=random)
    write_qonnx(
        generator,
        z[:4],
        folder / "generator.onnx",
        name="generator",
        input_name="z",
        output_name="x",
        metadata={"bits": bits},
    )
    with torch.no_grad():
        images = generator(z).clamp(0, 1).numpy()
    buffer = io.BytesIO()
    np.savez_compressed(buffer, images=images, made=images)
    (folder / "samples.npz").write_bytes(buffer.getvalue())
    record = {
        "kind": "prior",
        "prior": kind,
        "dataset": "noise",
        "licence": LICENCE,
        "geometry": list(GEOMETRY),
        "bits": bits,
        "latent": LATENT,
        "init_from": "/somewhere/float",
        "config": {"run": {"seed": 7}},
        **changed,
    }
    (folder / "run.json").write_text(json.dumps(record))
    return folder
