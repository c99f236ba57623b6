"""``bitprior sense``: images to measurements."""

from pathlib import Path
from typing import Annotated

import typer

from bitprior_runtime.cli.arguments import BundleArgument
from bitprior_runtime.cli.output import JsonFlag, emit
from bitprior_runtime.errors import UsageError
from bitprior_runtime.files import check_writable
from bitprior_runtime.images import read_images, write_array
from bitprior_runtime.model import load


def run(
    bundle: BundleArgument,
    image: Annotated[
        Path | None, typer.Argument(help="An image file, or a .npy [B,C,H,W] in [0,1].")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where the measurements go: a .npy file.")
    ] = None,
    camera: Annotated[
        str | None,
        typer.Option(
            help="Stream from a camera instead, to stdout: 0, /dev/video0, csi:0, picamera2, a "
            "GStreamer pipeline, a video file or a folder of images."
        ),
    ] = None,
    frames: Annotated[int | None, typer.Option(help="--camera: end after so many.", min=1)] = None,
    realtime: Annotated[
        bool, typer.Option("--realtime", help="--camera: play a recording at its own rate.")
    ] = False,
    patience: Annotated[
        float, typer.Option(help="--camera: seconds to wait for one that is not there.", min=0)
    ] = 60.0,
    json: JsonFlag = False,
) -> None:
    """Measure images with the bundle's sensing operator: y = A(x)."""
    if camera is not None:
        _stream(bundle, image, out, camera, frames, realtime, patience, json)
        return
    if image is None or out is None:
        raise UsageError("an image and --out, or --camera", "neither", "name an image and --out")
    check_writable(out)
    model = load(bundle)
    x = read_images(image, model.geometry)
    y = model.sense(x)
    write_array(out, y)
    rows, m = y.shape
    n = x[0].size
    images = "1 image" if rows == 1 else f"{rows} images"
    emit(
        {"out": str(out), "images": rows, "pixels": n, "measurements": m},
        f"Sensed {images}: {n} values to {m} measurements each, written to {out}",
        json,
    )


def _stream(
    bundle: Path,
    image: Path | None,
    out: Path | None,
    camera: str,
    frames: int | None,
    realtime: bool,
    patience: float,
    json: bool,
) -> None:
    from bitprior_devices.cameras.sensing import sense_camera

    if image is not None or out is not None:
        raise UsageError(
            "no image and no --out with --camera",
            f"{image or out}",
            "leave it out: the stream goes to standard output",
        )
    model = load(bundle)
    sense_camera(model, camera, frames=frames, realtime=realtime, patience=patience, json=json)
