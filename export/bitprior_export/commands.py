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
    json: JsonFlag = False,
) -> None:
    """Turn a training run into a verified bundle with truly packed weights."""
    from bitprior_export.exporter import export_run

    result = export_run(run, out)
    emit(result.as_json(), result.as_text(), json)
