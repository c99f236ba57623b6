"""The rows of an evaluation: for each prior what it is, how it was run and what it is worth."""

import io
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import PurePath
from typing import Any

import numpy as np

from bitprior_runtime.images.png import to_bytes
from bitprior_runtime.model import Model
from bitprior_runtime.proximal_defaults import bundle_options
from bitprior_runtime.solvers.choice import choose
from bitprior_runtime.widths import widths_of
from bitprior_train.evaluate import Evaluation
from bitprior_train.metrics import mean_of
from bitprior_train.provenance import commit
from bitprior_train.train_command import making_commands
from bitprior_train.weight_histogram import weight_histogram

KEPT_IMAGES = 8
_SOLVER_WISHES = ("steps", "sparsity")


def evaluation_row(
    stem: str, model: Model, found: Evaluation, milliseconds: float
) -> dict[str, Any]:
    """Return everything that is to be known of one prior on some images, ready for JSON.

    Args:
        stem: Name of the bundle.
        model: The prior.
        found: What it recovered.
        milliseconds: Wall time of one recovery.
    """
    info, training = model.info, training_of(model)
    recovery = found.recovery
    row = {
        "bundle": stem,
        "digest": info["digest"],
        "system": system_name(info["bits"], training),
        "bits": info["bits"],
        "grid": info["grid"],
        "measurements": info["measurement"]["size"],
        "sensing": info["measurement"]["kind"],
        "sensing_bits": training.get("sensing_bits_after_training") or 32,
        "training_sparsity": training.get("sparsity"),
        "seed": training.get("seed"),
        "bytes": info["bytes"],
        "images": len(found.images),
        "psnr": asdict(found.mean_psnr),
        "ssim": asdict(found.mean_ssim),
        "start_psnr": None if found.start_psnr is None else asdict(mean_of(found.start_psnr)),
        "widths": widths_of(model.bundle).text,
        "success_rate": found.success_rate,
        "measurement_loss": float(recovery.loss.mean()),
        "solver": solver_of(model, found),
        "restarts": found.settings.get("restarts", 1),
        "mirrored": found.settings["mirrored"],
        "engine": recovery.engine,
        "kernel": recovery.kernel,
        "activation_bits": found.settings.get("activation_bits"),
        "recovery_ms": milliseconds,
        "busy": is_busy(),
        "machine": machine(),
        "commit": commit(),
        "made_by": making_commands(training, stem),
        "weights": weight_histogram(model.bundle.generator),
        "training": training,
    }
    return row


def training_of(model: Model) -> dict[str, Any]:
    """Return what a bundle says about its training, without the folders of another machine."""
    training: dict[str, Any] = dict(model.bundle.manifest.training)
    if isinstance(start := training.get("init_from"), str):
        training["init_from"] = PurePath(start).name
    return training


def system_name(bits: int, training: dict[str, Any]) -> str:
    """Return how the papers call a prior; a stranger's is just a prior."""
    if "config" not in training:
        return f"{bits}-bit prior"
    if training.get("system", "sdlss") == "dcs":
        return f"{bits}-bit DCS"
    if training.get("kind") == "linear-residual":
        return f"{bits}-bit linear-residual"
    return f"{bits}-bit {'SDLSS' if bits == 32 else 'Q-GEN'}"


def solver_of(model: Model, found: Evaluation) -> dict[str, Any]:
    """Return the solver that ran and every one of its options."""
    name = found.recovery.solver
    learned = bundle_options(model.bundle.manifest.solver, name)
    wishes = {wish: found.settings.get(wish) for wish in _SOLVER_WISHES}
    options = asdict(choose(name, learned, wishes).options)
    return {"name": name, **options}


def machine() -> str:
    """Return what ran, in one line."""
    return (
        f"{platform.machine()} {platform.system()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, numpy {np.__version__}"
    )


def is_busy() -> bool:
    """Say whether more work than the machine has cores ran in the last minute: times are long."""
    return os.getloadavg()[0] > (os.cpu_count() or 1)


def sample_archive(evaluations: Sequence[Evaluation]) -> bytes:
    """Return an .npz of the first images, to be shown: they belong to their data set's owners.

    Arrays ``original`` uint8 [n,C,H,W], ``recovered`` uint8 [rows,n,C,H,W], and their ``psnr`` and
    ``ssim`` [rows,n].
    """
    kept = slice(KEPT_IMAGES)
    file = io.BytesIO()
    np.savez_compressed(
        file,
        original=to_bytes(evaluations[0].images[kept]),
        recovered=np.stack([to_bytes(found.recovered[kept]) for found in evaluations]),
        psnr=np.stack([found.psnr[kept] for found in evaluations]),
        ssim=np.stack([found.ssim[kept] for found in evaluations]),
    )
    return file.getvalue()
