"""The verbs of the export house. Importing this loads no onnx: the command line starts fast."""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from bitprior_runtime.bundle.manifest import InitialLatent, SolverName
from bitprior_runtime.cli.output import JsonFlag, emit
from bitprior_runtime.cli.verbs import add_verb
from bitprior_runtime.errors import UsageError

_SOURCES = "RUN, or --generator and --sensing"


def register(app: typer.Typer) -> None:
    """Add ``export`` to the command line."""
    add_verb(app, "export", export, extra="export", packages=("onnx", "onnxruntime", "qonnx"))


def export(
    out: Annotated[Path, typer.Option(help="The .bitprior file to write.")],
    run: Annotated[Path | None, typer.Argument(help="Folder of a finished bitprior train.")] = None,
    generator: Annotated[
        Path | None, typer.Option(help="ONNX or QONNX file of a generator, instead of RUN.")
    ] = None,
    sensing: Annotated[
        str | None,
        typer.Option(
            help="ONNX file of a sensing network, or an operator: gaussian:m=250,seed=0, "
            "rademacher:m=250, mask:keep=0.1, superres:factor=4, identity."
        ),
    ] = None,
    value_range: Annotated[
        Literal["-1,1", "0,1"] | None,
        typer.Option("--range", help="Range of the generator's values.  [default: 0,1]"),
    ] = None,
    latent_distribution: Annotated[
        InitialLatent | None, typer.Option(help="Of the generator's latents.  [default: normal]")
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(help="Real images for the golden cases: .npz, .npy, image file or folder."),
    ] = None,
    weight_bits: Annotated[
        int | None,
        typer.Option(min=1, max=8, help="Quantise the generator's float weights after training."),
    ] = None,
    sensing_bits: Annotated[
        int | None,
        typer.Option(min=1, max=8, help="Quantise the sensing network's float weights."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="The bundle's name.")] = None,
    licence: Annotated[str | None, typer.Option(help="Licence of the training data.")] = None,
    solver: Annotated[
        SolverName | None, typer.Option(help="The default solver.  [default: adam]")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Its steps.  [default: 200]")] = None,
    step_size: Annotated[
        float | None, typer.Option(help="Of proximal steps; found by backtracking if left out.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Turn a training run, or any ONNX generator, into a verified bundle with packed weights."""
    settings: dict[str, Any] = {
        "value_range": value_range,
        "latent_distribution": latent_distribution,
        "images": images,
        "weight_bits": weight_bits,
        "sensing_bits": sensing_bits,
        "name": name,
        "licence": licence,
        "solver": solver,
        "steps": steps,
        "step_size": step_size,
    }
    given = {key: value for key, value in settings.items() if value is not None}
    from bitprior_export.exporter import export_foreign, export_run
    from bitprior_export.foreign import ForeignOptions

    if run is not None:
        _check_alone(generator, sensing, given)
        result = export_run(run, out)
    elif generator is None or sensing is None:
        missing = "--generator" if generator is None else "--sensing"
        raise UsageError(_SOURCES, f"neither RUN nor {missing}", "name what to export")
    else:
        result = export_foreign(ForeignOptions(generator, sensing, **given), out)
    emit(result.as_json(), result.as_text(), json)


def _check_alone(generator: Path | None, sensing: str | None, given: Collection[str]) -> None:
    """Check that a RUN is named without networks, and without options that it answers itself.

    Raises:
        UsageError: There are some.
    """
    if generator is not None or sensing is not None:
        raise UsageError(_SOURCES, "both", "leave one out")
    if given:
        raise UsageError(
            "a RUN without options about foreign networks",
            ", ".join(f"--{key.replace('_', '-')}" for key in given),
            "leave them out: the run says it all",
        )
