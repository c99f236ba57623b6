"""``bitprior serve``: the live page."""

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bitprior_runtime.cli.arguments import EngineOption, KernelOption, SolverOption, ThreadsOption
from bitprior_runtime.cli.output import JsonFlag, emit
from bitprior_runtime.engines.registry import AUTO
from bitprior_runtime.errors import UsageError
from bitprior_runtime.model import load

if TYPE_CHECKING:
    from bitprior_devices.serve.prior import Wishes
    from bitprior_devices.serve.service import Service


def serve(
    bundles: Annotated[
        list[Path], typer.Argument(help=".bitprior files; the page switches between them.")
    ],
    camera: Annotated[
        str | None,
        typer.Option(
            envvar="BITPRIOR_CAMERA",
            help="0, /dev/video0, csi:0, picamera2, a GStreamer pipeline, a video file or a folder "
            "of images; without it the page takes uploads only. With --readings: a camera file.",
        ),
    ] = None,
    readings: Annotated[
        str | None,
        typer.Option(
            help="Of a single-pixel camera, a picture that grows as they come: - (lines on stdin), "
            "a serial device, a pipe or a file."
        ),
    ] = None,
    baud: Annotated[int, typer.Option(help="--readings: speed of a serial device.")] = 115200,
    pace: Annotated[
        float | None,
        typer.Option(help="--readings: so many a second of a file, as if they came now.", min=0.1),
    ] = None,
    host: Annotated[
        str, typer.Option(envvar="BITPRIOR_HOST", help="Address to listen on.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0: any that is free.", min=0, max=65535)] = 8765,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="BITPRIOR_TOKEN",
            help="Asked of every page; made up where other machines can reach --host.",
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A further name of this machine; may be repeated.")
    ] = None,
    engine: EngineOption = "float",
    kernel: KernelOption = AUTO,
    threads: ThreadsOption = None,
    solver: SolverOption = None,
    steps: Annotated[
        int | None, typer.Option(help="Most steps; default: the bundle's.", min=1)
    ] = None,
    warm_start: Annotated[
        bool, typer.Option("--warm-start", help="Start from the latent of the frame before.")
    ] = False,
    patience: Annotated[
        float, typer.Option(help="Seconds to wait for a lost camera; default: for ever.", min=0)
    ] = math.inf,
    frames: Annotated[int | None, typer.Option(help="End after so many frames.", min=1)] = None,
    json: JsonFlag = False,
) -> None:
    """Serve a web page: a camera and the images recovered from it, or a picture that grows."""
    from bitprior_devices.serve.prior import Wishes, make_priors
    from bitprior_devices.serve.service import Service, run_service

    if readings is not None:
        refused = {
            "several bundles": len(bundles) > 1,
            "--solver": solver is not None,
            "--warm-start": warm_start,
            "--patience": patience != math.inf,
            "--frames": frames is not None,
        }
        live = Service(None, host, port, token, allow_host or ())
        wishes = Wishes(engine, kernel, threads, None, steps)
        _check_readings(camera, [name for name, given in refused.items() if given])
        found = _serve_readings(bundles[0], str(camera), readings, baud, pace, live, wishes)
        line = f"Served {found['recoveries']} pictures of {found['readings']} readings"
        emit(found, line, json)
        return
    if pace is not None:
        raise UsageError("--pace with --readings", "none", "leave it out")
    from bitprior_devices.cameras.figures import Figures
    from bitprior_devices.cameras.stopping import stopping

    loaded = [(path, load(path)) for path in bundles]
    priors = make_priors(loaded, Wishes(engine, kernel, threads, solver, steps))
    service = Service(camera, host, port, token, allow_host or (), warm_start, patience, frames)
    figures = Figures()
    with stopping() as stop:
        run_service(service, priors, figures, stop, _announce)
    result = figures.as_json()
    emit(result, f"Served {result['frames']} frames, {result['dropped']} dropped", json)


def _announce(address: str) -> None:
    print(f"Serving on {address}", file=sys.stderr, flush=True)


def _check_readings(camera: str | None, refused: Sequence[str]) -> None:
    if camera is None:
        todo = "give --camera camera.toml; docs/cameras.md"
        raise UsageError("--camera with a camera file for --readings", "none", todo)
    if refused:
        found = ", ".join(refused)
        raise UsageError("--readings with one bundle and its learned search", found, "leave it out")


def _serve_readings(
    bundle: Path,
    camera: str,
    readings: str,
    baud: int,
    pace: float | None,
    service: "Service",
    wishes: "Wishes",
) -> dict[str, Any]:
    from bitprior_devices.cameras.stopping import stopping
    from bitprior_devices.serve.growing import Growing
    from bitprior_devices.serve.reading_source import open_readings
    from bitprior_devices.serve.readings_page import run_readings
    from bitprior_runtime.camera.camera_file import read_camera
    from bitprior_runtime.camera.recovering import CameraRecoverer

    model, described = load(bundle), read_camera(camera)
    size = described.build().size
    source = open_readings(readings, described, (size, 2 * size), baud, pace)
    recoverer = CameraRecoverer(
        model,
        described,
        source.order,
        engine=wishes.engine,
        kernel=wishes.kernel,
        threads=wishes.threads,
        steps=wishes.steps,
    )
    growing = Growing(model.bundle.manifest.name, recoverer, source)
    with stopping() as stop:
        run_readings(service, growing, stop, _announce)
    return growing.as_json()
