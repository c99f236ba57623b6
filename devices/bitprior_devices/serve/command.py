"""``bitprior serve``: the live page."""

import math
import sys
from pathlib import Path
from typing import Annotated

import typer

from bitprior_runtime.cli.arguments import EngineOption, KernelOption, SolverOption, ThreadsOption
from bitprior_runtime.cli.output import JsonFlag, emit
from bitprior_runtime.engines.registry import AUTO
from bitprior_runtime.model import load


def serve(
    bundles: Annotated[
        list[Path], typer.Argument(help=".bitprior files; the page switches between them.")
    ],
    camera: Annotated[
        str | None,
        typer.Option(
            envvar="BITPRIOR_CAMERA",
            help="0, /dev/video0, csi:0, picamera2, a GStreamer pipeline, a video file or a folder "
            "of images; without it the page takes uploads only.",
        ),
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
    """Serve a web page: the camera, its measurement and the recovered image, live."""
    from bitprior_devices.cameras.figures import Figures
    from bitprior_devices.cameras.stopping import stopping
    from bitprior_devices.serve.prior import Wishes, make_priors
    from bitprior_devices.serve.service import Service, run_service

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
