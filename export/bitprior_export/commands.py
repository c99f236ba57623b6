"""The verbs of the export house. Importing this loads no onnx: the command line starts fast."""

from pathlib import Path
from typing import Annotated

import typer

from bitprior_runtime.cli.output import JsonFlag, emit
from bitprior_runtime.cli.verbs import add_verb


def register(app: typer.Typer) -> None:
    """Add ``export`` to the command line."""
    add_verb(app, "export", export, extra="export", packages=("onnx", "onnxruntime", "qonnx"))


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
