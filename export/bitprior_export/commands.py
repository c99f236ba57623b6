"""The verbs of the export house. Importing this loads no onnx: the command line starts fast."""

from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from bitprior_export.report_command import report
from bitprior_runtime.bundle.manifest import InitialLatent, SolverName
from bitprior_runtime.cli.output import JsonFlag, emit
from bitprior_runtime.cli.verbs import add_verb
from bitprior_runtime.errors import UsageError

_SOURCES = "RUN, or --generator and --sensing"

_PACKAGES = ("onnx", "onnxruntime", "qonnx")

_TARGETS = ("onnx", "qonnx", "onnx-training")


def register(app: typer.Typer) -> None:
    """Add ``export``, ``compare`` and ``report`` to the command line."""
    add_verb(app, "export", export, extra="export", packages=_PACKAGES)
    add_verb(app, "compare", compare, extra="export", packages=_PACKAGES)
    add_verb(app, "report", report, extra="report", packages=("jinja2", "matplotlib"))


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
            "rademacher:m=250, phase:m=250,kind=gaussian,loss=amplitude, mask:keep=0.1, "
            "superres:factor=4, identity."
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
        SolverName | None, typer.Option(help="The default solver.  [default: fista]")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Its steps.  [default: 100 to 200]")] = None,
    step_size: Annotated[
        float | None, typer.Option(help="Of proximal steps; found by backtracking if left out.")
    ] = None,
    cut: Annotated[
        str | None, typer.Option(help="Drop the generator's blocks before this: name or number.")
    ] = None,
    targets: Annotated[
        str, typer.Option(help="Beside the bundle: onnx, qonnx, onnx-training, or none; by comma.")
    ] = "onnx",
    onnx: Annotated[
        Path | None, typer.Option(help="Folder of ONNX files.  [default: <stem>-onnx beside OUT]")
    ] = None,
    target: Annotated[str, typer.Option(help="Board of the ONNX files: bitprior devices.")] = "pc",
    json: JsonFlag = False,
) -> None:
    """Turn a training run, or any ONNX generator, into a verified bundle with packed weights."""
    settings: dict[str, Any] = {
        "value_range": value_range,
        "latent_distribution": latent_distribution,
        "images": images,
        "weight_bits": weight_bits,
        "name": name,
        "licence": licence,
        "solver": solver,
        "steps": steps,
        "step_size": step_size,
    }
    given = {key: value for key, value in settings.items() if value is not None}
    from bitprior_export.artefacts import default_folder
    from bitprior_export.exporter import ExportOptions, export_foreign, export_run
    from bitprior_export.foreign import ForeignOptions

    wanted = _parse_targets(targets, onnx)
    options = ExportOptions(
        onnx_dir=(onnx or default_folder(out)) if "onnx" in wanted else None,
        target=target,
        cut=cut,
        qonnx="qonnx" in wanted,
        training="onnx-training" in wanted,
    )
    if run is not None:
        _check_alone(generator, given)
        result = export_run(run, out, options, sensing_bits, sensing)
    elif generator is None or sensing is None:
        missing = "--generator" if generator is None else "--sensing"
        raise UsageError(_SOURCES, f"neither RUN nor {missing}", "name what to export")
    else:
        foreign = ForeignOptions(generator, sensing, sensing_bits=sensing_bits, **given)
        result = export_foreign(foreign, out, options)
    emit(result.as_json(), result.as_text(), json)


def compare(
    first: Annotated[Path, typer.Argument(help="A bundle, a folder of ONNX files, or one file.")],
    second: Annotated[Path, typer.Argument(help="What to compare with it.")],
    json: JsonFlag = False,
) -> None:
    """Find the first layer in which two exports differ; exit status 1 if they do."""
    from bitprior_export.artefacts.compare import as_text
    from bitprior_export.artefacts.compare import compare as compare_exports

    found = compare_exports(first, second)
    emit({**asdict(found), "equal": found.first is None}, as_text(found), json)
    if found.first is not None:
        raise typer.Exit(1)


def _check_alone(generator: Path | None, given: Collection[str]) -> None:
    """Check that a RUN is named without a generator and options that it answers itself.

    Raises:
        UsageError: There are some.
    """
    if generator is not None:
        raise UsageError(_SOURCES, "both", "leave one out")
    if given:
        raise UsageError(
            "a RUN without options about foreign networks",
            ", ".join(f"--{key.replace('_', '-')}" for key in given),
            "leave them out: the run says it all",
        )


def _parse_targets(text: str, onnx: Path | None) -> Collection[str]:
    """Return what is to be written beside the bundle.

    Raises:
        UsageError: An unknown target, or a folder for ONNX files that are not wanted.
    """
    wanted = {part.strip() for part in text.split(",")}
    if not wanted <= {*_TARGETS, "none"} or ("none" in wanted and len(wanted) > 1):
        raise UsageError(
            f"--targets among {', '.join(_TARGETS)}, by comma, or none", f"{text!a}", "change it"
        )
    if onnx is not None and "onnx" not in wanted:
        raise UsageError("--onnx with --targets onnx", f"--targets {text}", "leave one out")
    return wanted
