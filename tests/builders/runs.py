"""A finished training run, without the training: random networks in the files of a run."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from bitprior_export.qonnx.writer import write_qonnx
from builders.networks import (
    GEOMETRY,
    LATENT,
    MEASUREMENTS,
    Generator,
    Granularity,
    Sensing,
    images,
    latents,
)

LICENCE = "Made up; free to use."


def make_run(
    folder: Path,
    bits: int = 4,
    narrow: bool = False,
    granularity: Granularity = "per-tensor",
    samples: int = 12,
    **changed: Any,
) -> Path:
    """Write generator.onnx, sensing.onnx, samples.npz and run.json.

    Args:
        folder: Made here.
        bits: Bit width of the generator.
        narrow: Narrow instead of wide grid.
        granularity: Of its scales.
        samples: Images in samples.npz.
        changed: Fields of run.json that differ; those of value ... are left out.
    """
    folder.mkdir()
    z, x = latents(), images(samples)
    generator = Generator(bits, narrow, granularity)
    write_qonnx(
        generator,
        z,
        folder / "generator.onnx",
        name="generator",
        input_name="z",
        output_name="x",
        metadata={"bits": bits},
    )
    write_qonnx(
        Sensing(),
        x,
        folder / "sensing.onnx",
        name="sensing",
        input_name="x",
        output_name="y",
        metadata={"bits": 32},
    )
    write_samples(folder, x.numpy())
    write_record(folder, bits=bits, **changed)
    return folder


def write_samples(folder: Path, array: np.ndarray, name: str = "images") -> None:
    """Write samples.npz."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{name: array})
    (folder / "samples.npz").write_bytes(buffer.getvalue())


def write_record(folder: Path, **changed: Any) -> None:
    """Write run.json."""
    record = {
        "dataset": "noise",
        "split_hash": "0" * 64,
        "licence": LICENCE,
        "geometry": list(GEOMETRY),
        "bits": 4,
        "grid": "wide",
        "granularity": "tensor",
        "latent": LATENT,
        "measurements": MEASUREMENTS,
        "sparsity": 4,
        "step_size": 0.01,
        "steps_inner": 3,
        "seed": 7,
        "steps": 0,
        "validation_psnr": 12.5,
        "config": {"run": {"seed": 7}},
        "versions": {"torch": "2.13.0"},
        **changed,
    }
    (folder / "run.json").write_text(
        json.dumps({name: value for name, value in record.items() if value is not ...})
    )
