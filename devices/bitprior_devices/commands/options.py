"""Options that all verbs about a board share."""

import sys
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

BoardArgument: TypeAlias = Annotated[str, typer.Argument(help="host or user@host.")]
SshConfigOption: TypeAlias = Annotated[
    Path | None, typer.Option(help="An ssh configuration file instead of your own.")
]
RootOption: TypeAlias = Annotated[
    str | None,
    typer.Option(help="Folder on the board; default: .local/share/bitprior in the home there."),
]
AcceptOption: TypeAlias = Annotated[
    str | None,
    typer.Option(help="SHA256:... of the board's host key, to remember at first contact."),
]


def show_step(name: str) -> None:
    """Print a step on stderr."""
    print(f"  {name}", file=sys.stderr, flush=True)
