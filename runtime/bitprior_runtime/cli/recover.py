"""``bitprior recover``: measurements to images."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from bitprior_runtime.cli.arguments import (
    BundleArgument,
    EngineOption,
    KernelOption,
    OperatorOption,
    SolverOption,
    ThreadsOption,
)
from bitprior_runtime.cli.elsewhere import (
    BoardJob,
    OnOption,
    RootOption,
    SshConfigOption,
    changed_flags,
    run_on_board,
)
from bitprior_runtime.cli.output import JsonFlag, emit, progress_bar, warn
from bitprior_runtime.cli.recover_camera import CameraRequest, recover_camera
from bitprior_runtime.cli.recover_many import recover_many
from bitprior_runtime.doubts import doubts_of
from bitprior_runtime.engines.registry import AUTO
from bitprior_runtime.errors import UsageError
from bitprior_runtime.files import check_writable, write_atomically
from bitprior_runtime.images import contact_sheet, decode_array, encode_png, read_array, write_array
from bitprior_runtime.model import load
from bitprior_runtime.recovery import FloatArray, Recovery
from bitprior_runtime.sensing.measured import read_measured
from bitprior_runtime.sensing.operator import Operator
from bitprior_runtime.sensing.text import parse_frame


def run(
    context: typer.Context,
    bundle: BundleArgument,
    out: Annotated[
        Path,
        typer.Option(help="Where the images go: .png (a sheet) or .npy; --stream: .png or folder."),
    ],
    measurements: Annotated[
        Path | None,
        typer.Argument(
            help="A .npy file of measurements [B,m], the .npz of sense --operator, or with "
            "--camera a file of readings."
        ),
    ] = None,
    camera: Annotated[
        Path | None,
        typer.Option(help="A camera file (docs/cameras.md): recover a detector's readings."),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(help="--camera: prior (default), pseudo-inverse, tikhonov or tv."),
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="--camera: all methods side by side in one picture.")
    ] = False,
    reference: Annotated[
        Path | None,
        typer.Option(help="--camera: an image of the scene; PSNR and SSIM after a gray fit."),
    ] = None,
    readings: Annotated[
        str | None, typer.Option(help="--camera: 10% of the patterns, or a number: the first ones.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 if the result explains too little.")
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option(
            help="--camera: a folder of readings, or a file of rows, to a folder of pictures, so "
            "many at a time.",
            min=1,
        ),
    ] = None,
    operator: OperatorOption = None,
    frame: Annotated[
        str | None,
        typer.Option(help="--operator: HxW of the images, where no .npz or matrix says it."),
    ] = None,
    noise: Annotated[
        float | None,
        typer.Option(help="--operator: standard deviation of y's noise; default: the .npz's."),
    ] = None,
    stream: Annotated[
        bool, typer.Option("--stream", help="Read what 'sense --camera' writes, on stdin.")
    ] = False,
    warm_start: Annotated[
        bool, typer.Option("--warm-start", help="--stream: start from the latent before.")
    ] = False,
    frames: Annotated[int | None, typer.Option(help="--stream: end after so many.", min=1)] = None,
    solver: SolverOption = None,
    engine: EngineOption = "float",
    kernel: KernelOption = AUTO,
    threads: ThreadsOption = None,
    activation_bits: Annotated[
        int | None, typer.Option(help="integer: 8 or 16; default: the bundle's.")
    ] = None,
    restarts: Annotated[int, typer.Option(help="Starts per measurement; lowest loss wins.")] = 1,
    mirrored: Annotated[
        bool, typer.Option("--mirrored", help="Start from -z0 too, for phase retrieval.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of the start latents.")] = 0,
    latent: Annotated[
        Path | None, typer.Option(help="A .npy file of latents [B,k] the first start begins at.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Most steps; default: the bundle's, or the solver's.")
    ] = None,
    step_size: Annotated[
        float | None, typer.Option(help="Default: the learned one, or the solver's.")
    ] = None,
    sparsity: Annotated[int | None, typer.Option(help="Latent entries kept (P_s).")] = None,
    tolerance: Annotated[
        float | None, typer.Option(help="An image stops at this relative change of its loss.")
    ] = None,
    max_seconds: Annotated[
        float | None, typer.Option(help="No step begins after this time.")
    ] = None,
    line_search: Annotated[
        bool | None, typer.Option(help="proximal, fista: backtracking; lbfgs: strong Wolfe.")
    ] = None,
    on: OnOption = None,
    root: RootOption = None,
    ssh_config: SshConfigOption = None,
    json: JsonFlag = False,
) -> None:
    """Recover images: find the latent z whose measurement A(G(z)) is nearest to y."""
    options: dict[str, Any]
    given = {"--method": method, "--compare": compare or None, "--reference": reference,
             "--readings": readings, "--jobs": jobs}  # fmt: skip
    if camera is None:
        alone = [name for name, value in given.items() if value is not None]
        if alone:
            raise UsageError(f"{alone[0]} with --camera", "no camera file", "name one")
    else:
        refused = {"--operator": operator, "--frame": frame, "--noise": noise, "--stream": stream,
                   "--on": on, "--solver": solver, "--latent": latent, "--line-search": line_search,
                   "--step-size": step_size, "--sparsity": sparsity}  # fmt: skip
        also = [name for name, value in refused.items() if value]
        if also:
            raise UsageError("--camera without other operators", also[0], "leave one out")
        many = jobs is not None or (measurements is not None and measurements.is_dir())
        if not many:
            _check_out(out)
        options = {"engine": engine, "kernel": kernel, "threads": threads, "steps": steps}
        share = readings or "100%"
        request = CameraRequest(
            camera, measurements, out, method or "prior", compare, reference, share, strict, options
        )
        if many:
            single = [name for name in ("--compare", "--reference") if given[name]]
            if single:
                raise UsageError("one acquisition", f"{single[0]} with many", "leave it out")
            recover_many(bundle, request, jobs or 1, json)
            return
        recover_camera(load(bundle), request, json)
        return
    if stream == (measurements is not None):
        found = "both" if stream else "neither"
        raise UsageError("a file of measurements, or --stream", found, "give one of them")
    if not stream:
        _check_out(out)
    model = load(bundle)
    sensed = _operated(measurements, operator, frame, noise, on)
    if sensed is not None:
        y: FloatArray | None = sensed.y
    else:
        y = None if measurements is None else read_array(measurements, "measurements [B,m]")
    start = None if latent is None else read_array(latent, "latents [B,k]")
    if on is not None:
        if measurements is None:
            raise UsageError("--on with a file of measurements", "--stream", "drop one of them")
        flags = changed_flags(context, "out", "latent")
        job = BoardJob("recover", model.path or bundle, flags, on, root, ssh_config)
        figures = _recover_on(job, measurements, latent, out)
        emit(figures, f"On {on}: {_line(figures)}", json)
        return
    if engine == AUTO and sensed is None:
        rows = (1 if y is None else len(y)) * max(restarts, 1) * (2 if mirrored else 1)
        choice = model.choose(rows, kernel, threads)
        print(f"Engine {choice.name}: {choice.reason}", file=sys.stderr)
        engine, kernel = choice.engine.name, choice.engine.kernel
    options = {
        "solver": solver,
        "engine": engine,
        "kernel": kernel,
        "threads": threads,
        "activation_bits": activation_bits,
        "restarts": restarts,
        "mirrored": mirrored,
        "seed": seed,
        "steps": steps,
        "step_size": step_size,
        "sparsity": sparsity,
        "tolerance": tolerance,
        "max_seconds": max_seconds,
        "line_search": line_search,
    }
    if y is None:
        from bitprior_devices.cameras.recovering import recover_stream

        recover_stream(
            model, out, options, latent=start, warm_start=warm_start, frames=frames, json=json
        )
        return
    if sensed is not None:
        options |= {"operator": sensed.operator, "noise": sensed.noise}
    with progress_bar("Recovering") as progress:
        recovery = model.recover(y, latent=start, progress=progress, **options)
    _write(out, recovery.image)
    figures = _figures(recovery, out, restarts, seed)
    if sensed is not None:
        figures |= {"frame": list(sensed.operator.frame), "noise": sensed.noise}
    doubts = doubts_of(recovery, y)
    for doubt in doubts:
        warn(doubt)
    emit(figures | {"doubts": list(doubts)}, _line(figures), json)
    if doubts and strict:
        raise typer.Exit(1)


def _check_out(out: Path) -> None:
    check_writable(out)
    if out.suffix not in (".png", ".npy"):
        raise UsageError("--out ending in .png or .npy", f"{out.name!r}", "rename the output")


@dataclass(frozen=True, eq=False)
class _Sensed:
    """Measurements of an operator that is apart from the bundle."""

    y: FloatArray
    operator: Operator
    noise: float


def _operated(
    measurements: Path | None,
    text: str | None,
    frame: str | None,
    noise: float | None,
    on: str | None,
) -> _Sensed | None:
    """Return what an operator measured; None where the bundle's own network did."""
    named = measurements is not None and measurements.suffix == ".npz"
    if text is None and not named:
        if frame is not None or noise is not None:
            raise UsageError("--frame and --noise with --operator", "none", "name an operator")
        return None
    if measurements is None or on is not None:
        found = "--stream" if measurements is None else "--on"
        raise UsageError("--operator with a file of measurements, here", found, "leave one out")
    measured = read_measured(measurements)
    operator = measured.made_by(text, None if frame is None else parse_frame(frame))
    known = measured.noise or 0.0
    return _Sensed(measured.y, operator, known if noise is None else noise)


def _recover_on(
    job: BoardJob, measurements: Path, latent: Path | None, out: Path
) -> dict[str, Any]:
    """Recover on a board: the measurements go there, the images come back."""
    inputs = {"y.npy": measurements}
    arguments = ["y.npy", "--out", "images.npy", *job.arguments]
    if latent is not None:
        inputs["latent.npy"] = latent
        arguments += ["--latent", "latent.npy"]
    done = run_on_board(replace(job, arguments=arguments, inputs=inputs, output="images.npy"))
    _write(out, decode_array(done.output, "the board's answer", "images [B,C,H,W]"))
    return {**done.figures, "out": str(out), "board": job.board}


def _write(out: Path, images: FloatArray) -> None:
    if out.suffix == ".npy":
        write_array(out, images)
    else:
        write_atomically(out, encode_png(contact_sheet(images)))


def _figures(recovery: Recovery, out: Path, restarts: int, seed: int) -> dict[str, Any]:
    return {
        "out": str(out),
        "images": len(recovery.image),
        "solver": recovery.solver,
        "engine": recovery.engine,
        "kernel": recovery.kernel,
        "provider": recovery.provider,
        "restarts": restarts,
        "seed": seed,
        "seconds": recovery.seconds,
        "steps": recovery.steps.tolist(),
        "evaluations": recovery.evaluations.tolist(),
        "loss": recovery.loss.tolist(),
        "history": recovery.history.T.tolist(),
    }


def _line(figures: dict[str, Any]) -> str:
    count, steps = figures["images"], figures["steps"]
    least, most = min(steps), max(steps)
    images = "1 image" if count == 1 else f"{count} images"
    taken = f"{most}" if least == most else f"{least} to {most}"
    losses = np.median(figures["history"], axis=0)
    return (
        f"Recovered {images} in {figures['seconds']:.2f} s ({figures['solver']}, {taken} steps, "
        f"{figures['engine']}/{figures['kernel']}): median loss {losses[0]:.4g} to "
        f"{losses[-1]:.4g}, written to {figures['out']}\n{_curve(losses)}"
    )


def _curve(losses: FloatArray, points: int = 6) -> str:
    """Print a few points of the median loss history."""
    steps = np.unique(np.linspace(0, len(losses) - 1, points).astype(int))
    return "  loss at step " + ", ".join(f"{step}: {losses[step]:.4g}" for step in steps)
