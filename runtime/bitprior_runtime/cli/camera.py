"""``bitprior camera``: cameras described by a file."""

from pathlib import Path
from typing import Annotated

import typer

from bitprior_runtime.cli.camera_calibrate import calibrate
from bitprior_runtime.cli.output import JsonFlag, emit
from bitprior_runtime.errors import UsageError
from bitprior_runtime.files import check_writable
from bitprior_runtime.model import load


def app() -> typer.Typer:
    """Make the group of verbs."""
    group = typer.Typer(
        help="Cameras: look at readings before anything is recovered.",
        add_completion=False,
        rich_markup_mode=None,
        no_args_is_help=True,
    )
    group.callback()(_group)
    group.command("check")(check)
    group.command("calibrate")(calibrate)
    return group


def _group() -> None:
    """Cameras: look at readings before anything is recovered."""


def check(
    camera: Annotated[Path, typer.Argument(help="A camera file: docs/cameras.md.")],
    readings: Annotated[
        Path | None,
        typer.Argument(help="A file of readings; default: the one the camera file names."),
    ] = None,
    fix: Annotated[Path | None, typer.Option(help="Write the camera file as it should be.")] = None,
    key: Annotated[str | None, typer.Option(help="Name of the readings in their file.")] = None,
    row: Annotated[int | None, typer.Option(help="Row of the readings.", min=0)] = None,
    column: Annotated[int | None, typer.Option(help="Column of the readings.", min=0)] = None,
    prior: Annotated[
        str, typer.Option(help="A photo prior, whose covariance of photos is used.")
    ] = "photo-4bit",
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit status 1 if something is to be changed.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Look at readings with a camera file: lag, polarity, pairs, order, drift, noise, outliers."""
    from bitprior_runtime.camera.camera_file import read_camera
    from bitprior_runtime.camera.camera_toml import write_camera
    from bitprior_runtime.camera.check import check_camera
    from bitprior_runtime.camera.report import describe, figures

    if fix is not None:
        check_writable(fix)
    described = read_camera(camera)
    search = load(prior).bundle.search
    if search is None:
        expected = "a photo prior with a covariance"
        raise UsageError(expected, f"{prior!r}", "use photo-4bit")
    one = described.read(readings, key, row, column)
    found = check_camera(described, one, search.covariance)
    lines = describe(found)
    if fix is not None and found.explains:
        write_camera(fix, found.fixed)
        lines += f"\nWrote {fix}"
    elif fix is not None:
        lines += f"\nWrote nothing to {fix}: no change makes the patterns explain the readings"
    emit(figures(found) | {"source": one.source}, lines, json)
    if strict and not found.best_as_written:
        raise typer.Exit(1)
