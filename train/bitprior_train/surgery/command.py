"""The verb ``bitprior compare-methods``. Importing this loads no torch: the CLI starts fast."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from bitprior_runtime.cli.output import JsonFlag
from bitprior_runtime.errors import UsageError


def compare_methods(
    out: Annotated[Path, typer.Option(help="JSON file, continued if there; images beside it.")],
    runs: Annotated[
        list[Path] | None, typer.Argument(help="Runs of bitprior train --prior.")
    ] = None,
    methods: Annotated[
        str, typer.Option(help="E.g. gs,csgm,untrained-gs,ilo; an unknown name lists all.")
    ] = "gs,csgm",
    experiment: Annotated[
        str,
        typer.Option(
            help="gaussian, raw (A = I), inits, cuts (on validation images), mask (10 % of the "
            "values) or superres (a quarter of the side)."
        ),
    ] = "gaussian",
    measurements: Annotated[
        str | None, typer.Option(help="Values of m of Gaussian operators, e.g. 100,600,2000.")
    ] = None,
    dataset: Annotated[
        str, typer.Option(help="celeba64, coco64, ..., or 'own samples', made by the prior.")
    ] = "celeba64",
    part: Annotated[
        Literal["train", "validation", "test"] | None,
        typer.Option(help="Part of the data set; default: test, of cuts validation."),
    ] = None,
    images: Annotated[int, typer.Option(help="Images, from the front.", min=1)] = 50,
    restarts: Annotated[int, typer.Option(help="Starts per image; lowest loss wins.", min=1)] = 3,
    seed: Annotated[int, typer.Option(help="Seed of A, noise and starts.", min=0)] = 0,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="method.setting=value, e.g. gs.iterations=100; repeatable."),
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Recover images with cut priors and with what Generator Surgery is compared to."""
    from bitprior_train.surgery.compare import Comparison, run_comparison

    asked = Comparison(
        runs=runs or (),
        methods=methods.split(","),
        out=out,
        experiment=experiment,
        measurements=_integers(measurements),
        dataset=dataset,
        part=part,
        images=images,
        restarts=restarts,
        seed=seed,
        overrides=set_ or (),
    )
    run_comparison(asked, json_mode=json)


def _integers(text: str | None) -> tuple[int, ...]:
    try:
        values = tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError:
        values = (0,)
    if any(value < 1 for value in values):
        raise UsageError(
            "numbers of 1 or more for --measurements", f"{text!r}", "write e.g. 100,600"
        )
    return values
