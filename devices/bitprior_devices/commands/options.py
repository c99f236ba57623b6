"""Options that all verbs about a board share."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

BoardArgument: TypeAlias = Annotated[str, typer.Argument(help="host or user@host.")]
TargetOption: TypeAlias = Annotated[
    str | None, typer.Option(help="The board's profile; default: that of the model it says it is.")
]
ProfilesOption: TypeAlias = Annotated[
    Path | None, typer.Option(help="Folder of your own; default: ~/.config/bitprior/profiles.")
]
AcceptOption: TypeAlias = Annotated[
    str | None,
    typer.Option(help="SHA256:... of the board's host key, to remember at first contact."),
]
