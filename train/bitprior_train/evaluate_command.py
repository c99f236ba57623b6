"""The verb ``bitprior evaluate``. Importing this loads no torch: the command line starts fast."""

from pathlib import Path
from typing import Annotated

import typer

from bitprior_runtime.cli.arguments import EngineOption, KernelOption
from bitprior_runtime.cli.output import JsonFlag


def evaluate(
    bundles: Annotated[list[Path], typer.Argument(help="Bundles, or names of the zoo.")],
    dataset: Annotated[str, typer.Option(help="Data set whose test images are recovered.")],
    images: Annotated[int, typer.Option(help="Test images, from the front.", min=1)] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the start latents.", min=0)] = 0,
    restarts: Annotated[int, typer.Option(help="Starts per image; lowest loss wins.", min=1)] = 1,
    solver: Annotated[
        str | None,
        typer.Option(help="proximal (the paper's), fista, adam, ...; default: the bundle's."),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Solver steps.", min=1)] = None,
    sparsity: Annotated[int | None, typer.Option(help="Latent entries kept (P_s).", min=1)] = None,
    engine: EngineOption = "float",
    kernel: KernelOption = "auto",
    activation_bits: Annotated[
        int | None, typer.Option(help="integer: 8 or 16; default: the bundle's.")
    ] = None,
    components: Annotated[
        int, typer.Option(help="Components of the PCA yardstick; 0: none.", min=0)
    ] = 0,
    reference: Annotated[
        Path | None, typer.Option(help="Run to compare one bundle with, in torch.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="JSON file for the figures.")] = None,
    json: JsonFlag = False,
) -> None:
    """Recover test images from their measurements and compare them with the originals."""
    from bitprior_train.evaluate_session import Question, run_evaluation

    question = Question(
        bundles=bundles,
        dataset=dataset,
        images=images,
        seed=seed,
        restarts=restarts,
        solver=solver,
        steps=steps,
        sparsity=sparsity,
        engine=engine,
        kernel=kernel,
        activation_bits=activation_bits,
        components=components,
        reference=reference,
        out=out,
    )
    run_evaluation(question, json_mode=json)
