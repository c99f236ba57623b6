"""``bitprior patterns``: what a camera shows, as files for its display."""

from pathlib import Path
from typing import Annotated

import typer

from bitprior_runtime.cli.output import JsonFlag, emit


def run(
    camera: Annotated[Path, typer.Argument(help="A camera file: docs/cameras.md.")],
    out: Annotated[Path, typer.Option(help="A new folder, or an empty one.")],
    form: Annotated[
        str,
        typer.Option("--format", help="png, npz (one file), or packed (bits for a DMD, one file)."),
    ] = "png",
    display: Annotated[
        str | None, typer.Option(help="WIDTHxHEIGHT of the display; default: the patterns'.")
    ] = None,
    scale: Annotated[
        int | None,
        typer.Option(help="Display pixels of a pattern's pixel; default: what fits.", min=1),
    ] = None,
    at: Annotated[
        str | None, typer.Option(help="TOP,LEFT in display pixels; default: in the middle.")
    ] = None,
    flip: Annotated[
        str, typer.Option(help="none, left-right, up-down or both: mirror the patterns.")
    ] = "none",
    readings: Annotated[
        str | None, typer.Option(help="Only the first patterns: a share (10%) or how many.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Write the patterns of a camera for a projector, an LED matrix or a DMD."""
    from bitprior_runtime.camera.camera_file import read_camera
    from bitprior_runtime.camera.display import parse_at, parse_display, place
    from bitprior_runtime.camera.pattern_files import check_fresh, write_patterns
    from bitprior_runtime.camera.shown import shown_by

    check_fresh(out)
    described = read_camera(camera)
    shown = shown_by(described, _first(readings, described.build().size))
    placement = place(
        shown.frame,
        None if display is None else parse_display(display),
        scale,
        None if at is None else parse_at(at),
        flip,
    )
    written = write_patterns(out, shown, placement, form)
    patterns = len(set(shown.pattern.tolist()))
    figures = {
        "out": str(out),
        "format": form,
        "patterns": patterns,
        "shown": written.shown,
        "bits": written.bits,
        "display": {"width": placement.display[1], "height": placement.display[0]},
        "scale": placement.scale,
        "top": placement.top,
        "left": placement.left,
        "flip": flip,
        "calibration": written.calibration,
    }
    paired = "" if written.shown == patterns else f", {written.shown} with the negative ones"
    without = "" if written.calibration else "; too small for a calibration frame"
    line = (
        f"Wrote {patterns} patterns{paired}, {written.bits} bit a pixel, to {out}\n"
        f"  {placement}{without}"
    )
    emit(figures, line, json)


def _first(text: str | None, size: int) -> int | None:
    """Return how many of the first patterns a text names: a share with %, or a number."""
    from bitprior_runtime.camera.recovering import patterns_of_share
    from bitprior_runtime.cli.recover_camera import parse_share

    return None if text is None else patterns_of_share(parse_share(text, size), size)
