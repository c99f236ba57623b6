"""``bitprior sense``: images to measurements."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from bitprior_runtime.cli.arguments import BundleArgument, OperatorOption
from bitprior_runtime.cli.output import JsonFlag, emit
from bitprior_runtime.errors import UsageError
from bitprior_runtime.files import check_writable
from bitprior_runtime.images import read_images, read_whole_images, write_array
from bitprior_runtime.model import load
from bitprior_runtime.planes import COLOURS
from bitprior_runtime.sensing.linear_estimate import check_noise
from bitprior_runtime.sensing.measured import Measured, check_name, write_measured
from bitprior_runtime.sensing.operator import named
from bitprior_runtime.sensing.text import parse_operator


def run(
    bundle: BundleArgument,
    image: Annotated[
        Path | None, typer.Argument(help="An image file, or a .npy [B,C,H,W] in [0,1].")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Where the measurements go: a .npy file; with --operator also .npz."),
    ] = None,
    operator: OperatorOption = None,
    noise: Annotated[
        float, typer.Option(help="--operator: add noise of this standard deviation to y.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="--operator: seed of the noise.", min=0)] = 0,
    colour: Annotated[
        bool, typer.Option("--colour", help="--operator: red, green and blue, of a gray prior too.")
    ] = False,
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
    """Measure images, with the bundle's sensing network or an operator: y = A(x)."""
    if operator is None and (noise or seed or colour):
        wanted = "--noise, --seed and --colour with --operator"
        raise UsageError(wanted, "no operator", "name an operator")
    if camera is not None and operator is not None:
        raise UsageError("--operator without --camera", "both", "leave one of them out")
    if camera is not None:
        _stream(bundle, image, out, camera, frames, realtime, patience, json)
        return
    if image is None or out is None:
        raise UsageError("an image and --out, or --camera", "neither", "name an image and --out")
    check_writable(out)
    if operator is not None:
        _measure(bundle, image, out, operator, check_noise(noise), seed, colour, json)
        return
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


def _measure(
    bundle: Path,
    image: Path,
    out: Path,
    text: str,
    noise: float,
    seed: int,
    colour: bool,
    json: bool,
) -> None:
    """Measure photos of any size with an operator that is apart from the bundle."""
    check_name(out)
    model = load(bundle)
    x = read_whole_images(image, COLOURS if colour else model.geometry[0])
    frame = (x.shape[2], x.shape[3])
    operator = parse_operator(text, frame)
    y = operator.forward(x)
    if noise:
        random = np.random.default_rng(seed)
        y = y + np.float32(noise) * random.standard_normal(y.shape, dtype=np.float32)
    write_measured(out, Measured(y, frame, text, operator.digest, noise))
    rows, m = y.shape
    images = "1 image" if rows == 1 else f"{rows} images"
    emit(
        {"out": str(out), "images": rows, "pixels": x[0].size, "measurements": m,
         "frame": list(frame), "operator": text, "matrix": operator.digest, "noise": noise},
        f"Sensed {images} of {named(frame)}: {x[0].size} values to {m} measurements each "
        f"({100 * m / x[0].size:.1f} %), written to {out}",
        json,
    )  # fmt: skip


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
