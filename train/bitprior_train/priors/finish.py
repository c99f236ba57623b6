"""The end of a prior's run: generator.onnx, sample images and run.json."""

import io
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from bitprior_runtime.files import write_atomically
from bitprior_train.data import Dataset
from bitprior_train.priors.config import PriorConfig
from bitprior_train.priors.networks import draw_latents, latent_size
from bitprior_train.quantisers import level_histograms

SAMPLES = 64
CHECKED = 4  # latents on which the exported graph is compared with torch
_SHEET = 5  # stream of random numbers
_PACKAGES = ("bitprior", "torch", "brevitas", "numpy", "onnx", "qonnx")


def finish_prior(
    folder: Path, config: PriorConfig, data: Dataset, generator: nn.Module, meta: dict[str, Any]
) -> None:
    """Write generator.onnx, samples.npz (made and real images) and, last, run.json."""
    from bitprior_export.qonnx.writer import write_qonnx

    model, quantiser = config.model, config.quantiser
    random = torch.Generator().manual_seed(config.run.seed + _SHEET)
    z = draw_latents(model.kind, SAMPLES, latent_size(model, generator), random)
    write_qonnx(
        generator,
        z[:CHECKED],
        folder / "generator.onnx",
        name="generator",
        input_name="z",
        output_name="x",
        metadata={
            "geometry": list(data.geometry),
            "value_range": [0.0, 1.0],
            "bits": quantiser.bits,
            "grid": quantiser.grid,
            "granularity": quantiser.granularity,
        },
    )
    with torch.no_grad():
        made = generator(z).clamp(0, 1).numpy()
    samples = io.BytesIO()
    np.savez_compressed(
        samples, images=data.images(data.validation[:SAMPLES]), made=made.astype(np.float32)
    )
    write_atomically(folder / "samples.npz", samples.getvalue())
    record = prior_record(config, data, generator, meta)
    write_atomically(folder / "run.json", (json.dumps(record, indent=2) + "\n").encode())


def prior_record(
    config: PriorConfig, data: Dataset, generator: nn.Module, meta: dict[str, Any]
) -> dict[str, Any]:
    """Return run.json: what was trained, on what."""
    images = config.optimiser.batch * meta["step"]
    return {
        "kind": "prior",
        "prior": config.model.kind,
        "dataset": data.name,
        "split_hash": data.split_hash,
        "resized": data.resized,
        "licence": data.licence,
        "geometry": list(data.geometry),
        "bits": config.quantiser.bits,
        "latent": latent_size(config.model, generator),
        "filters": config.model.filters,
        "parameters": sum(
            p.numel() for n, p in generator.named_parameters() if "scaling_impl" not in n
        ),
        "steps": meta["step"],
        "epochs": images / len(data.train),
        "seed": config.run.seed,
        "init_from": meta["init_from"],
        "levels": level_histograms(generator),
        "config": config.model_dump(mode="json"),
        "versions": {name: version(name) for name in _PACKAGES},
    }
