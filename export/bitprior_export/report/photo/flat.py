"""Evaluations on photos as data: one record a row."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from bitprior_export.report.photo.published import PEERS
from bitprior_export.report.photo.results import PhotoResult, PhotoRow


def photo_records(photos: Sequence[PhotoResult]) -> Sequence[Mapping[str, Any]]:
    """Return every row of every result on photos with all of its figures, flat."""
    return [_record(result, row) for result in photos for row in result.rows]


def peer_records() -> Sequence[Mapping[str, Any]]:
    """Return the figures of others, with their sources."""
    return [asdict(peer) for peer in PEERS]


def _record(result: PhotoResult, row: PhotoRow) -> Mapping[str, Any]:
    prior = row.prior
    usual = next((each for each in row.times if each.height == each.width == 256), None)
    return {
        "result": result.name,
        "dataset": result.dataset,
        "part": result.part,
        "method": row.method,
        "operator": row.operator,
        "measurements": row.m,
        "pixels": row.n,
        "noise": row.noise,
        "bundle": prior and prior.bundle,
        "bits": prior and prior.bits,
        "mean_bits": prior and prior.mean_bits,
        "psnr": row.psnr.mean,
        "psnr_half_width": row.psnr.half_width,
        "ssim": row.ssim.mean,
        "ssim_half_width": row.ssim.half_width,
        "start_psnr": row.start_psnr and row.start_psnr.mean,
        "loss": row.loss,
        "generator_bytes": prior and prior.generator_bytes,
        "bundle_bytes": prior and prior.bundle_bytes,
        "recovery_ms": usual and usual.fastest,
        "busy": prior and prior.busy,
        "solver": prior and prior.solver,
        "steps": prior and prior.steps,
        "recovery_seed": result.seed,
        "engine": prior and prior.engine,
        "kernel": prior and prior.kernel,
        "machine": prior and prior.machine,
        "commit": prior and prior.commit,
    }
