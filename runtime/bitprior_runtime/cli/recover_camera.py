"""``bitprior recover --camera``: the readings of a camera to a picture."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import typer

from bitprior_runtime.camera.camera_file import Camera, read_camera
from bitprior_runtime.camera.readings import Readings, read_readings
from bitprior_runtime.camera.recovering import ALL_METHODS, CameraRecoverer, CameraRecovery
from bitprior_runtime.cli.output import emit, progress_bar, warn
from bitprior_runtime.errors import UsageError
from bitprior_runtime.files import write_atomically
from bitprior_runtime.images import encode_png, write_array
from bitprior_runtime.images.captions import captioned
from bitprior_runtime.images.likeness import affine_psnr, affine_ssim
from bitprior_runtime.images.read import read_whole_images
from bitprior_runtime.model import Model
from bitprior_runtime.recovery import FloatArray


@dataclass(frozen=True)
class CameraRequest:
    """What the command line asks of a camera's readings.

    Attributes:
        camera: The camera file.
        readings: File of the readings; None: the camera file names it.
        out: .png or .npy.
        method: One of :data:`ALL_METHODS`.
        compare: Whether all methods go side by side into ``out``.
        reference: An image file of the scene, to compare with; None: none.
        share: Of the patterns, the first ones, as text: ``10%`` or a number of them.
        strict: Whether doubts are an error.
        options: Engine, kernel, threads, steps.
    """

    camera: Path
    readings: Path | None
    out: Path
    method: str
    compare: bool
    reference: Path | None
    share: str
    strict: bool
    options: dict[str, Any]


def recover_camera(model: Model, request: CameraRequest, json: bool) -> None:
    """Recover, write the picture, and print what it explains.

    Raises:
        UsageError: Files and options that do not go together; the message says how.
    """
    check_request(request)
    if request.compare and request.out.suffix != ".png":
        raise UsageError("--compare with --out ending in .png", request.out.name, "rename it")
    camera = read_camera(request.camera)
    reference = _reference(request.reference, camera)
    readings, recoverer = _opened(model, camera, request)
    share = parse_share(request.share, recoverer.operator.size)
    methods = ALL_METHODS if request.compare else (request.method,)
    problem = recoverer.problem(readings.values, share)
    recovered: list[CameraRecovery] = []
    with progress_bar("Recovering") as progress:
        for method in methods:
            step = progress if method == "prior" else None
            recovered.append(recoverer.recover(problem, method, progress=step))
    if request.compare:
        _write(request.out, _side_by_side(recovered, reference))
    else:
        _write(request.out, recovered[0].image)
    rows = [_figures(one, reference) for one in recovered]
    doubts = doubts_of_camera(recovered[0])
    for doubt in doubts:
        warn(doubt)
    figures = {
        "out": str(request.out), "camera": str(request.camera), "readings": readings.source,
        "frame": list(camera.frame), "used": len(recovered[0].corrected.y),
        "left_out": dict(recovered[0].corrected.left_out),
        "notes": list(recovered[0].corrected.notes),
        "methods": rows, "doubts": list(doubts),
    }  # fmt: skip
    emit(figures, _lines(recovered, rows, request.out), json)
    if doubts and request.strict:
        raise typer.Exit(1)


def check_request(request: CameraRequest) -> None:
    """Check what does not depend on files.

    Raises:
        UsageError: No such method.
    """
    if request.method not in ALL_METHODS:
        found = repr(request.method)
        raise UsageError(f"--method {', '.join(ALL_METHODS)}", found, "use one of these")


def recover_one(
    model: Model, request: CameraRequest, row: int | None
) -> tuple[CameraRecovery, dict[str, Any]]:
    """Recover one of many acquisitions, write its picture, and return it with its figures.

    Args:
        model: A photo prior.
        request: What to do.
        row: Of the readings; None: as the camera file says.

    Raises:
        UsageError: Readings that do not serve.
    """
    camera = read_camera(request.camera)
    if row is not None:
        camera = replace(camera, row=row, column=None)
    readings, recoverer = _opened(model, camera, request)
    share = parse_share(request.share, recoverer.operator.size)
    found = recoverer.recover(readings.values, request.method, share=share)
    _write(request.out, found.image)
    return found, _figures(found, None)


def parse_share(text: str, size: int) -> float:
    """Return the share of the patterns that a text names: ``10%``, or a number of patterns.

    Raises:
        UsageError: Neither, or out of range.
    """
    try:
        percent = text.strip().endswith("%")
        number = float(text.strip().removesuffix("%"))
        share = number / 100 if percent else number / size
    except ValueError:
        share = float("nan")
    if not 0 < share <= 1:
        raise UsageError(f"--readings as 10% or a number, 1 to {size}", repr(text), "change it")
    return share


def doubts_of_camera(found: CameraRecovery) -> Sequence[str]:
    """Return what makes one doubt that a picture explains its readings, in words."""
    doubts = []
    if found.held_out < _NOTHING:
        doubts.append(
            f"the patterns predict {100 * found.held_out:.1f} % of the readings' variance from one"
            " another: run 'bitprior camera check' to try other lags, orders, signs and shapes"
        )
    if found.explained < _LITTLE:
        doubts.append(
            f"the picture explains {100 * max(found.explained, 0):.0f} % of the readings' variance:"
            " look at gain, offset and units under [detector]"
        )
    if found.recovery is not None:
        first, last = float(found.recovery.history[0, 0]), float(found.recovery.loss[0])
        if last > first:
            doubts.append(
                f"the search ended at a loss of {last:.4g}, above its start, {first:.4g}: check "
                "units, offset and order of the readings"
            )
    return doubts


_LITTLE = 0.5
_NOTHING = 0.02


def _opened(
    model: Model, camera: Camera, request: CameraRequest
) -> tuple[Readings, CameraRecoverer]:
    recoverer = CameraRecoverer(model, camera, **request.options)
    path = camera.readings_path(request.readings)
    readings = read_readings(path, camera.key, camera.row, camera.column, recoverer.wanted)
    if readings.order is not None:
        recoverer = CameraRecoverer(model, camera, readings.order, **request.options)
    return readings, recoverer


def _reference(path: Path | None, camera: Camera) -> FloatArray | None:
    if path is None:
        return None
    image: FloatArray = read_whole_images(path, 1)[0, 0]
    if image.shape != camera.frame:
        expected = f"--reference of {camera.frame[0]}x{camera.frame[1]} pixels, the camera's frame"
        found = f"{image.shape[0]}x{image.shape[1]}"
        raise UsageError(expected, found, "scale and register it first")
    return image


def _write(out: Path, images: FloatArray) -> None:
    if out.suffix == ".npy":
        write_array(out, images)
    else:
        picture = images[0] if images.ndim == 4 else images
        write_atomically(out, encode_png(np.clip(picture, 0, 1)))


def _side_by_side(found: Sequence[CameraRecovery], reference: FloatArray | None) -> FloatArray:
    pictures = []
    for one in found:
        words = [one.method, f"explained {100 * one.explained:.1f}%"]
        if one.over_noise is not None:
            words.append(f"residual {one.over_noise:.2f} noise")
        if reference is not None:
            words.append(f"{affine_psnr(one.image[0, 0], reference):.2f} dB")
        pictures.append((np.clip(one.image[0, 0], 0, 1), words))
    if reference is not None:
        pictures.append((reference, ["reference"]))
    return captioned(pictures)


def _figures(one: CameraRecovery, reference: FloatArray | None) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "method": one.method, "explained": one.explained, "held_out": one.held_out,
        "residual_over_noise": one.over_noise,
        "gain": one.scale.gain, "offset": one.scale.offset, "noise": one.scale.sigma,
        "seconds": one.seconds,
    }  # fmt: skip
    if one.recovery is not None:
        figures |= {"engine": one.recovery.engine, "kernel": one.recovery.kernel}
        figures |= {"history": one.recovery.history[:, 0].tolist()}
    if reference is not None:
        figures["psnr"] = affine_psnr(one.image[0, 0], reference)
        figures["ssim"] = affine_ssim(one.image[0, 0], reference)
    return figures


def _lines(found: Sequence[CameraRecovery], rows: Sequence[dict[str, Any]], out: Path) -> str:
    told = f"they predict {100 * found[0].held_out:.1f} % of one another's variance"
    lines = [f"Readings: {found[0].corrected}; {told}"]
    for row in rows:
        words = [f"{row['method']:<15} explains {100 * row['explained']:6.2f} % of the variance"]
        if row["residual_over_noise"] is not None:
            words.append(f"residual {row['residual_over_noise']:.2f} x noise")
        if "psnr" in row:
            ssim = "" if row["ssim"] is None else f", SSIM {row['ssim']:.3f}"
            words.append(f"PSNR {row['psnr']:.2f} dB{ssim} after a gray fit")
        words.append(f"{row['seconds']:.2f} s")
        lines.append("  " + ", ".join(words))
    lines.append(f"Written to {out}")
    return "\n".join(lines)
