"""Options that all verbs about a board share."""

from typing import Annotated, TypeAlias

import typer

BoardArgument: TypeAlias = Annotated[str, typer.Argument(help="host or user@host.")]
AcceptOption: TypeAlias = Annotated[
    str | None,
    typer.Option(help="SHA256:... of the board's host key, to remember at first contact."),
]
