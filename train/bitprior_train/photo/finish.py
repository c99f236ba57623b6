"""The end of a photo prior's run: its programs as QONNX, schedule, sample crops and run.json."""

import io
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bitprior_runtime.files import write_atomically
from bitprior_runtime.sensing.covariance import Covariance
from bitprior_train.photo.config import PhotoConfig
from bitprior_train.photo.networks import STRIDE, PhotoNetworks
from bitprior_train.photo.photos import Photos, PhotoSets
from bitprior_train.photo.programs import (
    GeneratorProgram,
    PenaltyProgram,
    StartProgram,
    native_side,
)
from bitprior_train.photo.widths import widths_of
from bitprior_train.quantisers import level_histograms

SCHEDULE, CROPS = "schedule.npz", "crops.npz"
GOLDEN, CALIBRATED = 64, 16  # crops
_SIDE = 66  # of those that calibration recovers: four blocks of 33
_CHECKED = 4  # inputs on which the exported graphs are compared with torch
_SEED = 5
_PACKAGES = ("bitprior", "torch", "brevitas", "numpy", "onnx", "qonnx")


def finish_photo(
    folder: Path,
    config: PhotoConfig,
    sets: PhotoSets,
    networks: PhotoNetworks,
    covariance: Covariance,
    meta: dict[str, Any],
) -> None:
    """Write the three programs, schedule.npz, samples.npz, crops.npz and, last, run.json."""
    random = np.random.default_rng((config.run.seed, _SEED))
    images = _crops(sets.validation, random, GOLDEN, native_side(networks))
    _write_programs(folder, networks, images, covariance)
    schedule = {
        name: value.detach().numpy() for name, value in networks.schedule.named_parameters()
    }
    _write_arrays(folder / SCHEDULE, **schedule, covariance=covariance.table)
    _write_arrays(folder / "samples.npz", images=images)
    side = min(_SIDE, *sets.validation.shape[1:])
    _write_arrays(folder / CROPS, images=_crops(sets.validation, random, CALIBRATED, side))
    record = photo_record(config, sets, networks, meta)
    write_atomically(folder / "run.json", (json.dumps(record, indent=2) + "\n").encode())


def photo_record(
    config: PhotoConfig, sets: PhotoSets, networks: PhotoNetworks, meta: dict[str, Any]
) -> dict[str, Any]:
    """Return run.json: what was trained, on what."""
    widths, side = widths_of(networks), native_side(networks)
    return {
        "kind": "photo",
        "dataset": config.data.name,
        "photos": list(sets.names),
        "split_hash": sets.split_hash,
        "licence": sets.licence,
        "geometry": [1, side, side],
        "bits": config.model.bits,
        "latent": config.model.channels * (side // STRIDE) ** 2,
        "mean": networks.generator.mean,
        "weights": {str(bits): count for bits, count in sorted(widths.counts.items())},
        "mean_bits": round(widths.mean, 3),
        "widths": widths.line,
        "steps": meta["step"],
        "seconds": round(float(meta.get("seconds", 0.0)), 1),
        "seed": config.run.seed,
        "init_from": meta["init_from"],
        "validation": meta.get("psnr", {}),
        "levels": level_histograms(networks),
        "config": config.model_dump(mode="json"),
        "versions": {name: version(name) for name in _PACKAGES},
    }


def _write_programs(
    folder: Path, networks: PhotoNetworks, images: NDArray[np.float32], covariance: Covariance
) -> None:
    from bitprior_export.qonnx.writer import write_qonnx

    centred = torch.from_numpy(images[:_CHECKED] - np.float32(covariance.mean)).flatten(1)
    spread = torch.full_like(centred, 0.5 * covariance.deviation)
    u = torch.cat([centred, spread], dim=1)
    start = StartProgram(networks).eval()
    with torch.no_grad():
        z = start(u).flatten(1)
    metadata = {"geometry": [*images.shape[1:]], "bits": networks.model.bits}
    written: list[tuple[str, nn.Module, Tensor, str, str]] = [
        ("generator", GeneratorProgram(networks), z, "z", "x"),
        ("start", start, u, "u", "z"),
        ("penalty", PenaltyProgram(networks), z, "z", "w"),
    ]
    for name, module, example, source, target in written:
        write_qonnx(
            module,
            example,
            folder / f"{name}.onnx",
            name=name,
            input_name=source,
            output_name=target,
            metadata=metadata,
        )


def _crops(
    photos: Photos, random: np.random.Generator, count: int, side: int
) -> NDArray[np.float32]:
    """Return crops [count,1,side,side] in [0,1] of photos, of each in turn."""
    found = np.empty((count, 1, side, side), np.float32)
    for index, crop in enumerate(found):
        photo = photos[index % len(photos)]
        top, left = (int(random.integers(size - side + 1)) for size in photo.shape)
        crop[0] = photo[top : top + side, left : left + side].astype(np.float32) / 255
    return found


def _write_arrays(path: Path, **arrays: NDArray[Any]) -> None:
    data = io.BytesIO()
    np.savez_compressed(data, **arrays)  # type: ignore[arg-type]
    write_atomically(path, data.getvalue())
