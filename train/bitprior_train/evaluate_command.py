"""The verb ``bitprior evaluate``. Importing this loads no torch: the command line starts fast."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from bitprior_runtime.cli.arguments import EngineOption, KernelOption
from bitprior_runtime.cli.output import JsonFlag


def evaluate(
    bundles: Annotated[list[Path], typer.Argument(help="Bundles, or names of the zoo.")],
    dataset: Annotated[
        str,
        typer.Option(
            help="Data set whose test images are recovered; with --operator photos: set11, bsd68, "
            "photos-validation."
        ),
    ],
    operator: Annotated[
        list[str] | None,
        typer.Option(
            help="What measures photos, e.g. blocks:matrix=FILE.npz#KEY,size=33; may be repeated."
        ),
    ] = None,
    noise: Annotated[
        float,
        typer.Option(
            help="With --operator: deviation of the noise over the root mean square of what is "
            "measured; 0.01 is 1 %.",
            min=0,
            max=10,
        ),
    ] = 0.0,
    images: Annotated[int, typer.Option(help="Test images, from the front.", min=1)] = 1000,
    seed: Annotated[
        int, typer.Option(help="Seed of the start latents, or of the noise.", min=0)
    ] = 0,
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
    from bitprior_train.photo_evaluation.photos import PHOTO_SETS

    if operator or dataset in PHOTO_SETS or noise:
        from bitprior_train.photo_evaluation.session import PhotoQuestion, run_photo_evaluation

        names = {"restarts": restarts != 1, "sparsity": sparsity is not None,
                 "components": components != 0, "reference": reference is not None}  # fmt: skip
        _check_photos(dataset, operator or [], [name for name, given in names.items() if given])
        asked = PhotoQuestion(
            bundles=bundles,
            dataset=dataset,
            operators=operator or [],
            noise=noise,
            seed=seed,
            images=images,
            solver=solver,
            steps=steps,
            engine=engine,
            kernel=kernel,
            activation_bits=activation_bits,
            out=out,
        )
        run_photo_evaluation(asked, json_mode=json)
        return
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


def _check_photos(dataset: str, operators: Sequence[str], unfit: Sequence[str]) -> None:
    """Refuse what does not belong to photos that operators measure."""
    from bitprior_runtime.errors import UsageError
    from bitprior_train.photo_evaluation.photos import PHOTO_SETS

    if dataset not in PHOTO_SETS:
        known = f"photos for --operator and --noise: {', '.join(PHOTO_SETS)}"
        raise UsageError(known, dataset, "name one of them, or leave both out")
    if not operators:
        example = "--operator blocks:matrix=FILE.npz#KEY,size=33"
        raise UsageError(f"an operator to measure {dataset} with", "none", f"give {example}")
    if unfit:
        found = ", ".join(f"--{name}" for name in unfit)
        raise UsageError("options of evaluations with --operator", found, "leave them out")
