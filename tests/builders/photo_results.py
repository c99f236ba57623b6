"""Results on photos as ``bitprior evaluate --operator`` writes them, without the evaluating."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from builders.results import mean

RATIOS = {1: 10, 4: 43, 10: 109, 25: 272}
PLAIN = ("linear MMSE", "pseudo-inverse", "PCA")


def published(percent: int) -> str:
    """The operator with one of the published matrices."""
    return f"blocks:matrix=block_matrices.npz#ratio{percent},size=33"


def prior(bits: int = 4, engine: str = "float", **changed: Any) -> dict[str, Any]:
    """Facts of a prior; ``changed`` replaces its fields."""
    return {
        "bundle": f"photo-{bits}bit",
        "digest": "0" * 64,
        "bits": bits,
        "name_line": f"{bits}-bit",
        "mean_bits": float(bits),
        "weights": 117504,
        "widths": {str(bits): 117504},
        "bytes": {"generator": 20000 * bits, "sensing": 0, "bundle": 30000 * bits},
        "solver": "learned",
        "steps": 8,
        "engine": engine,
        "kernel": "native",
        "busy": False,
        "machine": "x86_64 Linux, 2 cores",
        "commit": "0123456789ab",
        "training": {},
        **changed,
    }


def photo_row(
    percent: int = 10, method: str = "prior", psnr: float = 26.8, bits: int = 4, **changed: Any
) -> dict[str, Any]:
    """One row; ``changed`` replaces its fields, those of the prior under ``prior``."""
    is_prior = method == "prior"
    return {
        "operator": published(percent),
        "operator_kind": "blocks",
        "matrix_file": f"block_matrices.npz#ratio{percent}",
        "m": RATIOS[percent],
        "n": 1089,
        "block": [33, 33],
        "noise": 0.0,
        "method": method,
        "photos": 2,
        "psnr": mean(psnr),
        "ssim": mean(0.8125, 0.002),
        "start_psnr": mean(psnr - 2) if is_prior else None,
        "psnr_of": [psnr - 1, psnr + 1],
        "loss": 1e-6 if is_prior else None,
        "times": [
            {"frame": [512, 512], "count": 1, "fastest_ms": 2000.0, "mean_ms": 2100.0},
            {"frame": [256, 256], "count": 1, "fastest_ms": 400.0, "mean_ms": 420.0},
        ]
        if is_prior
        else [],
        "prior": prior(bits) if is_prior else None,
        **changed,
    }


def of_ratio(
    percent: int, bits: Sequence[int] = (32, 4, 1), photos: int = 2
) -> list[dict[str, Any]]:
    """The rows of one operator: each width 0.1 dB below the one before, and what is plain."""
    priors = [
        photo_row(percent, psnr=20 + percent / 2 - index / 10, bits=each)
        for index, each in enumerate(bits)
    ]
    rows = [*priors, *(photo_row(percent, method, 18.0) for method in PLAIN)]
    values = {"photos": photos, "psnr_of": [20.0] * photos}
    return [row | values for row in rows]


def photo_result(*rows: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """One result; without rows, of 10 % and three widths."""
    return {
        "kind": "bitprior photo evaluation",
        "dataset": "set11",
        "part": "2 photos",
        "photos": ["house", "boats"],
        "photo_digest": "f" * 64,
        "seed": 0,
        "command": "bitprior evaluate photo-4bit --dataset set11 --operator ...",
        "rows": list(rows) or of_ratio(10),
        **changed,
    }


def pictures(count: int, photos: int = 2, **changed: Any) -> bytes:
    """Pictures beside a result; arrays in ``changed`` replace those of that name."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, photos, 1, 12, 10), dtype=np.uint8)
    quality = np.arange(count * photos, dtype=float).reshape(count, photos)
    arrays = {
        "original": pixels[0],
        "recovered": pixels,
        "psnr": quality,
        "ssim": quality / 100,
        "rows": np.arange(count),
    }
    file = io.BytesIO()
    np.savez_compressed(file, **(arrays | changed))
    return file.getvalue()
