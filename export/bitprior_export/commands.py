"""The verbs of the export house. Importing this loads no onnx: the command line starts fast."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from bitprior_runtime.cli.output import JsonFlag, emit
from bitprior_runtime.cli.verbs import add_verb

_PACKAGES = ("onnx", "onnxruntime", "qonnx")


def register(app: typer.Typer) -> None:
    """Add ``export`` and ``compare`` to the command line."""
    add_verb(app, "export", export, extra="export", packages=_PACKAGES)
    add_verb(app, "compare", compare, extra="export", packages=_PACKAGES)


def export(
    run: Annotated[Path, typer.Argument(help="Folder of a finished bitprior train.")],
    out: Annotated[Path, typer.Option(help="The .bitprior file to write.")],
    onnx: Annotated[
        Path | None, typer.Option(help="Folder for ONNX files; <stem>-onnx beside the bundle.")
    ] = None,
    no_onnx: Annotated[bool, typer.Option("--no-onnx", help="Write no ONNX files.")] = False,
    target: Annotated[str, typer.Option(help="Board of the ONNX files: bitprior devices.")] = "pc",
    json: JsonFlag = False,
) -> None:
    """Turn a training run into a verified bundle with truly packed weights, and ONNX files."""
    from bitprior_export.artefacts import default_folder
    from bitprior_export.exporter import export_run

    folder = None if no_onnx else onnx or default_folder(out)
    result = export_run(run, out, folder, target)
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
