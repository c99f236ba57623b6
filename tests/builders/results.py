"""Results as ``bitprior evaluate`` writes them, without the evaluating."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np

SYSTEMS = {32: "32-bit SDLSS", **{bits: f"{bits}-bit Q-GEN" for bits in (1, 2, 3, 4)}}


def mean(value: float, half_width: float = 0.25) -> dict[str, Any]:
    """A mean with its interval."""
    return {"mean": value, "half_width": half_width, "count": 1000}


def row(
    bits: int = 4, psnr: float | None = None, sparsity: int | None = 50, **changed: Any
) -> dict[str, Any]:
    """One row; ``changed`` replaces its fields."""
    levels = [-0.5, 0.5] if bits == 32 else [float(level) for level in range(2**bits)]
    return {
        "bundle": f"mnist-{bits}bit",
        "digest": "0" * 64,
        "system": SYSTEMS[bits],
        "bits": bits,
        "measurements": 100,
        "sensing": "mlp",
        "sensing_bits": 32,
        "seed": 0,
        "bytes": {"generator": 1000 * bits, "sensing": 9000, "bundle": 1000 * bits + 9500},
        "psnr": mean(26 + bits / 100 if psnr is None else psnr),
        "ssim": mean(0.94, 0.002),
        "success_rate": None,
        "solver": {
            "name": "proximal",
            "steps": 50,
            "sparsity": sparsity,
            "projection": "none",
            "line_search": False,
            "momentum": False,
        },
        "restarts": 1,
        "engine": "float",
        "kernel": "native",
        "activation_bits": None,
        "recovery_ms": 8.0,
        "busy": False,
        "machine": "x86_64 Linux, 2 cores",
        "commit": "0123456789ab",
        "made_by": [f"bitprior train mnist --bits {bits}", f"bitprior export runs/{bits}bit"],
        "weights": {
            "unit": "deviation" if bits == 32 else "level",
            "at": levels,
            "share": [1 / len(levels)] * len(levels),
        },
        **changed,
    }


def result(*rows: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """One result; without rows, of every width."""
    return {
        "kind": "bitprior evaluation",
        "dataset": "mnist",
        "split_hash": "f" * 64,
        "resized": "no",
        "trained_on": ["mnist"],
        "part": "test, first 1000",
        "seed": 0,
        "command": "bitprior evaluate mnist-4bit.bitprior --dataset mnist",
        "rows": list(rows) or [row(bits) for bits in (32, 4, 3, 2, 1)],
        "baselines": [{"name": "mean image", "psnr": mean(12.0), "ssim": mean(0.11)}],
        **changed,
    }


def samples(rows: int, images: int = 8, channels: int = 1, **changed: Any) -> bytes:
    """Images beside a result; arrays in ``changed`` replace those of that name."""
    pixels = np.random.default_rng(0).integers(
        0, 256, (rows, images, channels, 8, 8), dtype=np.uint8
    )
    quality = np.arange(rows * images, dtype=float).reshape(rows, images)
    arrays = {"original": pixels[0], "recovered": pixels, "psnr": quality, "ssim": quality / 100}
    file = io.BytesIO()
    np.savez_compressed(file, **(arrays | changed))
    return file.getvalue()


def write(folder: Path, name: str, document: Any, images: bytes | None = None) -> Path:
    """Write a result, and images beside it, into a folder."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    if images is not None:
        path.with_suffix(".npz").write_bytes(images)
    return path
