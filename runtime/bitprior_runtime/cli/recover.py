"""``bitprior recover``: measurements to images."""

import sys
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from bitprior_runtime.cli.output import JsonFlag, emit, progress_bar
from bitprior_runtime.engines.registry import AUTO
from bitprior_runtime.errors import UsageError
from bitprior_runtime.files import check_writable, write_atomically
from bitprior_runtime.images import contact_sheet, encode_png, read_array, write_array
from bitprior_runtime.model import load
from bitprior_runtime.recovery import FloatArray, Recovery


def run(
    bundle: Annotated[Path, typer.Argument(help="A .bitprior file, or a name: bitprior zoo.")],
    measurements: Annotated[Path, typer.Argument(help="A .npy file of measurements [B,m].")],
    out: Annotated[Path, typer.Option(help="Where the images go: .png (a sheet) or .npy.")],
    solver: Annotated[
        str | None,
        typer.Option(help="proximal, fista, adam, lbfgs, gauss-newton; default: the bundle's."),
    ] = None,
    engine: Annotated[
        str, typer.Option(help="float, integer, onnx; auto: the fastest by a measured probe.")
    ] = "float",
    kernel: Annotated[
        str, typer.Option(help="numpy or native; auto: native where it works.")
    ] = AUTO,
    threads: Annotated[int | None, typer.Option(help="Threads of the engine.", min=1)] = None,
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
    json: JsonFlag = False,
) -> None:
    """Recover images: find the latent z whose measurement A(G(z)) is nearest to y."""
    check_writable(out)
    if out.suffix not in (".png", ".npy"):
        raise UsageError("--out ending in .png or .npy", f"{out.name!r}", "rename the output")
    model = load(bundle)
    y = read_array(measurements, "measurements [B,m]")
    start = None if latent is None else read_array(latent, "latents [B,k]")
    if engine == AUTO:
        choice = model.choose(len(y) * max(restarts, 1) * (2 if mirrored else 1), kernel, threads)
        print(f"Engine {choice.name}: {choice.reason}", file=sys.stderr)
        engine, kernel = choice.engine.name, choice.engine.kernel
    with progress_bar("Recovering") as progress:
        recovery = model.recover(
            y,
            solver=solver,
            engine=engine,
            kernel=kernel,
            threads=threads,
            activation_bits=activation_bits,
            restarts=restarts,
            mirrored=mirrored,
            seed=seed,
            latent=start,
            steps=steps,
            step_size=step_size,
            sparsity=sparsity,
            tolerance=tolerance,
            max_seconds=max_seconds,
            line_search=line_search,
            progress=progress,
        )
    _write(out, recovery.image)
    emit(_figures(recovery, out, restarts, seed), _line(recovery, out), json)


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


def _line(recovery: Recovery, out: Path) -> str:
    count, least, most = len(recovery.image), recovery.steps.min(), recovery.steps.max()
    images = "1 image" if count == 1 else f"{count} images"
    steps = f"{most}" if least == most else f"{least} to {most}"
    first, last = np.median(recovery.history[0]), np.median(recovery.history[-1])
    return (
        f"Recovered {images} in {recovery.seconds:.2f} s ({recovery.solver}, {steps} steps, "
        f"{recovery.engine}/{recovery.kernel}): median loss {first:.4g} to {last:.4g}, "
        f"written to {out}\n{_curve(recovery)}"
    )


def _curve(recovery: Recovery, points: int = 6) -> str:
    """Print a few points of the median loss history."""
    losses = np.median(recovery.history, axis=1)
    steps = np.unique(np.linspace(0, len(losses) - 1, points).astype(int))
    return "  loss at step " + ", ".join(f"{step}: {losses[step]:.4g}" for step in steps)
