"""``bitprior info``: what is in a bundle."""

from pathlib import Path
from typing import Annotated

import typer

from bitprior_runtime.cli.output import JsonFlag, emit
from bitprior_runtime.model import load


def run(
    bundle: Annotated[Path, typer.Argument(help="A .bitprior file, or a name: bitprior zoo.")],
    json: JsonFlag = False,
) -> None:
    """Show a bundle's layers, bits, sizes, solver defaults and training provenance."""
    model = load(bundle)
    emit(model.info, model.describe(), json)
