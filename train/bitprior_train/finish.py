"""The end of a run: what export needs, without torch, to make a bundle of it."""

import io
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from bitprior_runtime.files import write_atomically
from bitprior_train.batches import validation_latents
from bitprior_train.config import TrainConfig
from bitprior_train.data import Dataset
from bitprior_train.fixed_sensing import operator_name
from bitprior_train.learner import Learner
from bitprior_train.quantisers import level_histograms, zero_fractions

SAMPLES = 64  # images for golden cases and calibration
CHECKED = 4  # images and latents on which the exported graphs are compared with torch
_PACKAGES = ("bitprior", "torch", "brevitas", "numpy", "onnx", "qonnx")


def finish_run(
    folder: Path,
    config: TrainConfig,
    data: Dataset,
    learner: Learner,
    psnr: dict[int, float],
    meta: dict[str, Any],
) -> None:
    """Write generator.onnx, sensing.onnx, samples.npz and, last, run.json."""
    write_networks(folder, config, data, learner)
    samples = io.BytesIO()
    np.savez_compressed(samples, images=data.images(data.validation[:SAMPLES]))
    write_atomically(folder / "samples.npz", samples.getvalue())
    record = run_record(config, data, learner, psnr, meta)
    write_atomically(folder / "run.json", (json.dumps(record, indent=2) + "\n").encode())


def write_networks(folder: Path, config: TrainConfig, data: Dataset, learner: Learner) -> None:
    """Export generator and sensing network as QONNX."""
    from bitprior_export.qonnx.writer import write_qonnx

    quantiser = config.quantiser
    shared = {"geometry": list(data.geometry), "value_range": [0.0, 1.0]}
    quantised = {
        "bits": quantiser.bits,
        "grid": quantiser.grid,
        "granularity": quantiser.granularity,
    }
    x = torch.from_numpy(data.images(data.validation[:CHECKED]))
    z = validation_latents(len(x), config.model.latent, config.run.seed)
    write_qonnx(
        learner.generator,
        z,
        folder / "generator.onnx",
        name="generator",
        input_name="z",
        output_name="x",
        metadata=shared | quantised,
    )
    if config.model.fixed_sensing:
        _write_operator(config, data.geometry, folder / "sensing.onnx")
        return
    _, sensing = learner.plain_networks()  # without spectral norms: the weights they give
    write_qonnx(
        sensing,
        x,
        folder / "sensing.onnx",
        name="sensing",
        input_name="x",
        output_name="y",
        metadata=shared | {"bits": 32, "grid": "float"},
    )


def _write_operator(config: TrainConfig, geometry: tuple[int, int, int], path: Path) -> None:
    """Write a fixed matrix as export makes it: that of Rademacher takes one bit an entry."""
    from bitprior_export.sensing_operators import build_operator, parse_operator

    model = build_operator(parse_operator(operator_name(config.model)), geometry)
    write_atomically(path, model.SerializeToString())


def run_record(
    config: TrainConfig,
    data: Dataset,
    learner: Learner,
    psnr: dict[int, float],
    meta: dict[str, Any],
) -> dict[str, Any]:
    """Return run.json: provenance and the solver's defaults."""
    model, quantiser = config.model, config.quantiser
    return {
        "dataset": data.name,
        "system": config.system.name,
        "projection": config.system.projection,
        "split_hash": data.split_hash,
        "resized": data.resized,
        "dropped_images": data.dropped,
        "licence": data.licence,
        "geometry": list(data.geometry),
        "bits": quantiser.bits,
        "grid": quantiser.grid,
        "scale": quantiser.scale,
        "granularity": quantiser.granularity,
        "latent": model.latent,
        "measurements": model.measurements,
        "measurement_kind": _measurement_kind(config),
        "sparsity": model.sparsity,
        "step_size": learner.beta,
        "steps_inner": config.inner.steps,
        "seed": config.run.seed,
        "steps": meta["step"],
        "best_step": meta.get("best_step", meta["step"]),
        "init_from": meta["init_from"],
        "validation_psnr": psnr[max(psnr)],
        "validation_psnr_by_steps": {str(t): v for t, v in psnr.items()},
        "parameters": {
            "generator": _count(learner.generator),
            "sensing": _count(learner.sensing),
        },
        "zeros": zero_fractions(learner.theta_q()),
        "levels": level_histograms(learner.generator),
        "config": config.model_dump(mode="json"),
        "versions": {name: version(name) for name in _PACKAGES},
    }


def _measurement_kind(config: TrainConfig) -> str:
    model = config.model
    if model.phase != "none":
        return f"phase-{model.sensing}-{model.phase}"
    return "cnn" if model.sensing == "conv" else model.sensing


def _count(network: nn.Module) -> int:
    """Count weights and biases; the quantisers' scales are not the network's."""
    return sum(p.numel() for n, p in network.named_parameters() if "scaling_impl" not in n)
