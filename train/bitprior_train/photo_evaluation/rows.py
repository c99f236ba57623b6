"""The rows of an evaluation on photos, and the pictures beside it."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from bitprior_runtime.images.png import to_bytes
from bitprior_runtime.model import Model
from bitprior_runtime.summary import SummaryRow, summarise
from bitprior_runtime.widths import widths_of
from bitprior_train.evaluate_rows import is_busy, machine, training_of
from bitprior_train.metrics import mean_of
from bitprior_train.photo_evaluation.evaluation import Bench, Found
from bitprior_train.provenance import commit

KEPT_PHOTOS = 6
_LARGEST_PICTURE = 256


def photo_row(method: str, bench: Bench, found: Found) -> dict[str, Any]:
    """Return what one method is worth with one operator, ready for JSON.

    Args:
        method: ``prior``, or the name of what needs none.
        bench: Photos, operator and noise.
        found: What it made of them.
    """
    sensing = bench.sensing
    return {
        "operator": sensing.shown,
        "operator_kind": sensing.kind,
        "matrix_file": sensing.file,
        "m": bench.rows,
        "n": bench.pixels,
        "block": list(bench.block),
        "noise": sensing.noise,
        "method": method,
        "photos": len(found.psnr),
        "psnr": asdict(mean_of(found.psnr)),
        "ssim": asdict(mean_of(found.ssim)),
        "start_psnr": None if found.start_psnr is None else asdict(mean_of(found.start_psnr)),
        "psnr_of": [round(float(value), 4) for value in found.psnr],
        "loss": None if found.loss is None else float(found.loss.mean()),
        "times": [
            {"frame": list(each.frame), "count": each.count,
             "fastest_ms": each.fastest, "mean_ms": each.mean}
            for each in found.times
        ],
    }  # fmt: skip


def prior_facts(stem: str, model: Model, found: Found) -> dict[str, Any]:
    """Return what a prior is and how it was run, to be added to its row.

    Args:
        stem: Name of the bundle.
        model: The prior.
        found: What it made of the photos.
    """
    info, recovery = model.info, found.recovery
    assert recovery is not None
    layers, widths = layers_of(model), widths_of(model.bundle)
    return {
        "bundle": stem,
        "digest": info["digest"],
        "bits": info["bits"],
        "name_line": widths.text,
        "mean_bits": widths.mean,
        "weights": sum(row.weights for row in layers if row.bits is not None),
        "widths": weights_by_bits(layers),
        "bytes": info["bytes"],
        "solver": recovery.solver,
        "steps": int(recovery.steps.max()),
        "engine": recovery.engine,
        "kernel": recovery.kernel,
        "busy": is_busy(),
        "machine": machine(),
        "commit": commit(),
        "training": training_of(model),
    }


def layers_of(model: Model) -> Sequence[SummaryRow]:
    """Return the layers of all of a prior's networks, those of its search included."""
    bundle = model.bundle
    layers = summarise(bundle.generator, bundle.sensing)
    return layers + (summarise(bundle.search.start, bundle.search.penalty) if bundle.search else [])


def weights_by_bits(layers: Sequence[SummaryRow]) -> dict[str, int]:
    """Return how many weights have how many bits, the narrowest first."""
    found: dict[int, int] = {}
    for row in layers:
        if row.bits is not None and row.weights:
            found[row.bits] = found.get(row.bits, 0) + row.weights
    return {str(bits): found[bits] for bits in sorted(found)}


def picture_archive(bench: Bench, rows: Mapping[int, Found]) -> bytes | None:
    """Return an .npz of a few photos and what was made of them, to be shown; None: too large.

    The first photos that have the frame of the first one that is small enough: ``original`` uint8
    [n,1,H,W], ``recovered`` uint8 [k,n,1,H,W], their ``psnr`` and ``ssim`` [k,n], and ``rows``
    [k], the row of the result that each belongs to.

    Args:
        bench: The photos.
        rows: What was made of them, by row of the result.
    """
    shapes = [each.photo.shape for each in bench.measured]
    frame = next((shape for shape in shapes if max(shape) <= _LARGEST_PICTURE), None)
    if frame is None:
        return None
    kept = [index for index, shape in enumerate(shapes) if shape == frame][:KEPT_PHOTOS]
    found, file = list(rows.values()), io.BytesIO()
    np.savez_compressed(
        file,
        original=to_bytes(np.concatenate([bench.measured[index].photo for index in kept])),
        recovered=np.stack(
            [to_bytes(np.concatenate([row.images[index] for index in kept])) for row in found]
        ),
        psnr=np.stack([row.psnr[kept] for row in found]),
        ssim=np.stack([row.ssim[kept] for row in found]),
        rows=np.asarray(list(rows)),
    )
    return file.getvalue()
