"""``bitprior sense``: images to measurements."""

from pathlib import Path
from typing import Annotated

import typer

from bitprior_runtime.cli.output import JsonFlag, emit
from bitprior_runtime.files import check_writable
from bitprior_runtime.images import read_images, write_array
from bitprior_runtime.model import load


def run(
    bundle: Annotated[Path, typer.Argument(help="A .bitprior file, or a name: bitprior zoo.")],
    image: Annotated[Path, typer.Argument(help="An image file, or a .npy [B,C,H,W] in [0,1].")],
    out: Annotated[Path, typer.Option(help="Where the measurements go: a .npy file.")],
    json: JsonFlag = False,
) -> None:
    """Measure images with the bundle's sensing operator: y = A(x)."""
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
