"""``--on user@host``: the same verb on a board that the bundle was deployed to.

The runtime knows nothing of boards; the devices house offers a runner when it adds its verbs.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from bitprior_runtime.errors import MissingExtraError

OnOption: TypeAlias = Annotated[
    str | None, typer.Option(help="user@host: run it there; the bundle must be deployed.")
]
RootOption: TypeAlias = Annotated[
    str | None,
    typer.Option(help="Folder on the board; default: .local/share/bitprior in the home there."),
]
SshConfigOption: TypeAlias = Annotated[
    Path | None, typer.Option(help="An ssh configuration file instead of your own.")
]


@dataclass(frozen=True)
class BoardJob:
    """One verb to run on a board.

    Attributes:
        verb: Its name.
        bundle: The bundle here; the board must have the same.
        arguments: What follows the bundle on the command line there.
        board: ``host`` or ``user@host``.
        root: Folder on the board; None for the default.
        ssh_config: An ssh configuration; None for the user's own.
        inputs: Files to send, by the names they have there.
        output: Name there of the file to fetch; None for none.
    """

    verb: str
    bundle: Path
    arguments: list[str]
    board: str
    root: str | None = None
    ssh_config: Path | None = None
    inputs: dict[str, Path] = field(default_factory=dict)
    output: str | None = None


@dataclass(frozen=True)
class BoardResult:
    """What came back.

    Attributes:
        figures: What the verb printed as JSON.
        output: Bytes of the file that was fetched; empty if none was asked for.
    """

    figures: dict[str, Any]
    output: bytes


Runner: TypeAlias = Callable[[BoardJob], BoardResult]
_RUNNERS: list[Runner] = []
# Options about the board itself, and about what is printed here.
_LOCAL = {"on", "root", "ssh_config", "json"}


def offer_runner(runner: Runner) -> None:
    """Let ``--on`` use this runner."""
    _RUNNERS[:] = [runner]


def run_on_board(job: BoardJob) -> BoardResult:
    """Run a verb on a board.

    Raises:
        MissingExtraError: Nothing here knows how.
        BitpriorError: The board cannot be reached, refuses, or the verb failed there.
    """
    if not _RUNNERS:
        raise MissingExtraError("bitprior_devices", "devices", "--on")
    return _RUNNERS[0](job)


def changed_flags(context: typer.Context, *but: str) -> list[str]:
    """Return the options the user gave, as words of a command line.

    Args:
        context: Of the verb.
        but: Names of parameters to leave out, besides arguments and what only counts here.
    """
    words: list[str] = []
    for parameter in context.command.params:
        name, value = str(parameter.name), context.params.get(str(parameter.name))
        if name in _LOCAL or name in but or not parameter.opts[0].startswith("-"):
            continue
        source = context.get_parameter_source(name)
        if source is None or source.name != "COMMANDLINE":
            continue
        if isinstance(value, bool):
            words.append(parameter.opts[0] if value else parameter.secondary_opts[0])
        else:
            several = value if isinstance(value, list | tuple) else [value]
            words += [word for one in several for word in (parameter.opts[0], str(one))]
    return words
