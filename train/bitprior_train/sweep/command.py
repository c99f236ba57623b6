"""The verb ``bitprior sweep``. Importing this loads no torch: the command line starts fast."""

from pathlib import Path
from typing import Annotated

import typer

from bitprior_runtime.cli.output import JsonFlag, emit
from bitprior_runtime.errors import UsageError


def sweep(
    dataset: Annotated[str, typer.Argument(help="Data set, and preset, to train on.")],
    out: Annotated[Path, typer.Option(help="Folder for a folder a run, made if missing.")],
    bits: Annotated[str, typer.Option(help="Bit widths, e.g. 32,4,2,1.")] = "32",
    measurements: Annotated[str | None, typer.Option(help="Values of m, e.g. 25,100.")] = None,
    sparsity: Annotated[str | None, typer.Option(help="Values of s.")] = None,
    seed: Annotated[str | None, typer.Option(help="Seeds.")] = None,
    system: Annotated[str | None, typer.Option(help="As for bitprior train.")] = None,
    preset: Annotated[str | None, typer.Option(help="As for bitprior train.")] = None,
    steps: Annotated[int | None, typer.Option(help="Training steps of each run.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file laid over the preset.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="section.key=value; may be repeated.")
    ] = None,
    init_from_32: Annotated[
        bool,
        typer.Option(
            "--init-from-32",
            help="Start from the 32-bit run of the same m, s and seed, which is trained first.",
        ),
    ] = False,
    jobs: Annotated[int, typer.Option(help="Runs at a time.", min=1)] = 1,
    ray: Annotated[
        str | None,
        typer.Option(help="Address of a Ray cluster to train on; local: start one for --jobs."),
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Train all combinations of bits, m, s and seed: what is there is skipped or continued."""
    from bitprior_train.sweep.plan import Question
    from bitprior_train.sweep.session import run_sweep
    from bitprior_train.sweep.summary import table

    overrides = (*(set_ or ()), *([f"optimiser.steps={steps}"] if steps is not None else []))
    question = Question(
        dataset=dataset,
        out=out.absolute(),  # Ray's workers have folders of their own
        bits=_integers("--bits", bits),
        measurements=_integers("--measurements", measurements),
        sparsity=_integers("--sparsity", sparsity),
        seeds=_integers("--seed", seed),
        system=system,
        recipe=preset,
        config=config,
        overrides=overrides,
        init_from_32=init_from_32,
    )
    summary = run_sweep(question, jobs, ray)
    emit(summary, table(summary), json)
    if any(run["state"] not in ("there", "trained") for run in summary["runs"]):
        raise typer.Exit(1)


def _integers(option: str, text: str | None) -> tuple[int, ...]:
    """Parse ``25,100``; nothing is the empty tuple."""
    try:
        return tuple(int(part) for part in text.split(",")) if text is not None else ()
    except ValueError as error:
        raise UsageError(
            f"whole numbers between commas for {option}", repr(text), f"write e.g. {option} 1,4"
        ) from error
