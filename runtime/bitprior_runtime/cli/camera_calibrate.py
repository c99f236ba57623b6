"""``bitprior camera calibrate``: what a camera does to every picture, from known pictures."""

import math
from pathlib import Path
from typing import Annotated

import typer

from bitprior_runtime.cli.output import JsonFlag, emit
from bitprior_runtime.errors import UsageError
from bitprior_runtime.files import check_writable
from bitprior_runtime.model import load


def calibrate(
    camera: Annotated[Path, typer.Argument(help="A camera file: docs/cameras.md.")],
    readings: Annotated[list[Path], typer.Argument(help="Files of readings, one a picture.")],
    out: Annotated[Path, typer.Option(help="Where the calibration goes: .npz.")],
    target: Annotated[
        Path | None, typer.Option(help="An image file of what was in front of the camera.")
    ] = None,
    flat: Annotated[
        bool, typer.Option("--flat", help="The readings are of an even white surface.")
    ] = False,
    method: Annotated[str, typer.Option(help="As of recover.")] = "prior",
    share: Annotated[
        str, typer.Option("--readings", help="10% of the patterns, or a number: the first ones.")
    ] = "100%",
    key: Annotated[str | None, typer.Option(help="Name of the readings in their file.")] = None,
    row: Annotated[int | None, typer.Option(help="Row of the readings.", min=0)] = None,
    prior: Annotated[str, typer.Option(help="A photo prior.")] = "photo-4bit",
    json: JsonFlag = False,
) -> None:
    """Fit a smooth gain and offset and a gray curve: a target, a flat field, or many scenes."""
    from bitprior_runtime.camera.calibration import (
        by_flat_field,
        by_scenes,
        by_target,
        write_calibration,
    )
    from bitprior_runtime.camera.camera_file import read_camera
    from bitprior_runtime.camera.recovering import CameraRecoverer, as_recovered
    from bitprior_runtime.cli.recover_camera import parse_share
    from bitprior_runtime.images.read import read_whole_images

    check_writable(out)
    if target is not None and flat:
        raise UsageError("--target or --flat", "both", "give one of them")
    described, model = read_camera(camera), load(prior)
    if described.calibration is not None:
        todo = "take the key calibration out first"
        raise UsageError("a camera without a calibration", described.calibration, todo)
    part = parse_share(share, described.build().size)
    recoverer = CameraRecoverer(model, described)
    pictures = [
        recoverer.recover(described.read(path, key, row).values, method, share=part)
        for path in readings
    ]
    images = [found.image[0, 0] for found in pictures]
    if flat:
        fitted = by_flat_field(images)
    elif target is not None:
        shown = read_whole_images(target, 1)[0, 0]
        fitted = by_target(images, as_recovered(recoverer, shown, pictures[0])[0, 0])
    else:
        fitted = by_scenes(images)
    write_calibration(out, fitted)
    decibels = None if fitted.gained is None else 20 * math.log10(fitted.gained)
    told = f'Wrote {out}; write calibration = "{out.name}" into the camera file to use it'
    if decibels is not None:
        told = f"{decibels:+.2f} dB in blocks of the target that the fit had not seen. " + told
    emit({"out": str(out), "pictures": len(images), "gained_db": decibels}, told, json)
