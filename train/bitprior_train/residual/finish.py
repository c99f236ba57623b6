"""The end of a run: generator.onnx, sensing.onnx, sample images and run.json."""

import io
import json
import os
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bitprior_runtime.files import write_atomically
from bitprior_train.data import Dataset
from bitprior_train.quantisers import level_histograms
from bitprior_train.residual.config import FLOAT, ResidualConfig
from bitprior_train.residual.networks import ResidualNetworks, mean_bits, weight_bits

SAMPLES = 64  # images for golden cases and calibration
CHECKED = 4  # images and latents on which the exported graphs are compared with torch
_PACKAGES = ("bitprior", "torch", "brevitas", "numpy", "onnx", "qonnx")
_WITHIN = 0.02  # dB that further steps have to bring


@dataclass(frozen=True)
class Quality:
    """What the validation images say of a prior and of the steps of its recovery.

    Attributes:
        step_size: The one chosen.
        steps: As few as come within _WITHIN of the best.
        psnr: Mean PSNR in dB after 0, 1, ... steps of it.
    """

    step_size: float
    steps: int
    psnr: tuple[float, ...]

    @classmethod
    def of(cls, step_size: float, psnr: list[float]) -> "Quality":
        """Choose the number of steps; at least one."""
        enough = [t for t, value in enumerate(psnr) if t and value >= max(psnr[1:]) - _WITHIN]
        return cls(step_size, enough[0], tuple(psnr))


def finish_residual(
    folder: Path,
    config: ResidualConfig,
    data: Dataset,
    networks: ResidualNetworks,
    quality: Quality,
    meta: dict[str, Any],
) -> None:
    """Write the networks, samples.npz and, last, run.json."""
    write_networks(folder, config, data, networks)
    samples = io.BytesIO()
    np.savez_compressed(samples, images=data.images(data.validation[:SAMPLES]))
    write_atomically(folder / "samples.npz", samples.getvalue())
    record = residual_record(config, data, networks, quality, meta)
    write_atomically(folder / "run.json", (json.dumps(record, indent=2) + "\n").encode())


def write_networks(
    folder: Path, config: ResidualConfig, data: Dataset, networks: ResidualNetworks
) -> None:
    """Export generator and sensing map as QONNX."""
    from bitprior_export.qonnx.writer import write_qonnx

    plain = ResidualNetworks(config.model, data.geometry, config.quantiser)
    plain.load_state_dict(networks.state_dict())
    plain.eval()
    x = torch.from_numpy(data.images(data.validation[:CHECKED]))
    with torch.no_grad():
        z = plain.sensing(x)
    shared = {"geometry": list(data.geometry), "value_range": [0.0, 1.0]}
    grid = config.quantiser.of("inner")
    write_qonnx(
        plain.generator,
        z,
        folder / "generator.onnx",
        name="generator",
        input_name="z",
        output_name="x",
        metadata=shared | {"bits": config.quantiser.bits, "grid": grid.grid if grid else "float"},
    )
    write_qonnx(
        plain.sensing,
        x,
        folder / "sensing.onnx",
        name="sensing",
        input_name="x",
        output_name="y",
        metadata=shared | {"bits": FLOAT, "grid": "float"},
    )


def bits_line(networks: ResidualNetworks, bits: int) -> str:
    """Return which weights have how many bits: ``1-bit, D 8-bit, edges 8-bit, mean 5.7 bits``."""
    if bits == FLOAT:
        return "32-bit"
    parts = weight_bits(networks.generator)
    others = [
        f"{name} {parts[part][1]}-bit" for name, part in (("D", "linear"), ("edges", "edges"))
    ]
    return ", ".join([f"{bits}-bit", *others, f"mean {mean_bits(networks.generator):.1f} bits"])


def residual_record(
    config: ResidualConfig,
    data: Dataset,
    networks: ResidualNetworks,
    quality: Quality,
    meta: dict[str, Any],
) -> dict[str, Any]:
    """Return run.json: what was trained, on what, and how a recovery runs."""
    model, bits = config.model, config.quantiser.bits
    grid = config.quantiser.of("inner")
    return {
        "kind": model.kind,
        "dataset": data.name,
        "system": model.kind,
        "extra_data": list(config.data.extra),
        "split_hash": data.split_hash,
        "resized": data.resized,
        "dropped_images": data.dropped,
        "training_images": len(data.train),
        "licence": data.licence,
        "geometry": list(data.geometry),
        "bits": bits,
        "grid": grid.grid if grid else "float",
        "scale": "learned" if grid else "none",
        "granularity": "channel",
        "bits_line": bits_line(networks, bits),
        "mean_bits": round(mean_bits(networks.generator), 3),
        "weights": {
            part: {"weights": count, "bits": own}
            for part, (count, own) in weight_bits(networks.generator).items()
        },
        "latent": model.measurements,
        "measurements": model.measurements,
        "measurement_kind": "linear",
        "sparsity": None,
        "step_size": quality.step_size,
        "recovery": asdict(quality),
        "seed": config.run.seed,
        "steps": meta["step"],
        "seconds": round(float(meta["seconds"]), 1),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {config.run.threads} used",
        "init_from": meta["init_from"],
        "validation_psnr": max(quality.psnr),
        "validation_psnr_by_steps": {str(t): v for t, v in enumerate(quality.psnr)},
        "parameters": {
            name: sum(p.numel() for n, p in network.named_parameters() if "scaling_impl" not in n)
            for name, network in (("generator", networks.generator), ("sensing", networks.sensing))
        },
        "levels": level_histograms(networks.generator.residual),
        "config": config.model_dump(mode="json"),
        "versions": {name: version(name) for name in _PACKAGES},
    }
