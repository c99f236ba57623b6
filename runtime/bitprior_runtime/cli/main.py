"""Entry point: run a verb; every error becomes one line and an exit code."""

import errno
import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from bitprior_runtime.cli import (
    bench,
    camera,
    doctor,
    info,
    patterns,
    recover,
    sense,
    sign,
    verbs,
    verify,
    zoo,
)
from bitprior_runtime.errors import (
    BitpriorError,
    MissingExtraError,
    UnwritableOutputError,
    UsageError,
)
from bitprior_runtime.json_text import to_json
from bitprior_runtime.version import __version__

# typer.BadParameter > UsageError > ClickException, wherever typer keeps its click.
_CLICK_ERROR: type[Exception] = typer.BadParameter.__mro__[2]
_INTERRUPTED = 130
# What a stdout that is full or closed answers.
_LOST = (errno.ENOSPC, errno.EPIPE, errno.EDQUOT, errno.EBADF, errno.EIO)


def build_app() -> typer.Typer:
    """Make the command line with every verb that can run on this machine."""
    app = typer.Typer(
        name="bitprior",
        help="Train low-bit image priors, export them, and recover images from measurements.",
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback()(_root)
    app.command("info")(info.run)
    app.command("verify")(verify.run)
    app.command("sign")(sign.run)
    app.command("sense")(sense.run)
    app.command("recover")(recover.run)
    app.command("patterns")(patterns.run)
    app.add_typer(camera.app(), name="camera")
    app.command("bench")(bench.run)
    app.command("doctor")(doctor.run)
    app.command("zoo")(zoo.run)
    verbs.add_houses(app)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"bitprior {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print it.", is_eager=True, callback=_print_version),
    ] = False,
) -> None:
    """Hold the options that come before a verb."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 ok, 1 a check failed, 2 usage, 3 bad bundle."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    status = run(words)
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        status = _lost(error)
    sys.exit(status)


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit status."""
    as_json = "--json" in arguments
    try:
        command = typer.main.get_command(build_app())
        _refuse_unavailable(arguments)
        status = command.main(
            list(arguments) or ["--help"], prog_name="bitprior", standalone_mode=False
        )
    except BitpriorError as error:
        return _report(error, as_json)
    except _CLICK_ERROR as error:
        return _report(_from_click(error), as_json)
    except (KeyboardInterrupt, typer.Abort):
        print("bitprior: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except SystemExit as ended:  # click's own answer to a pipe nobody reads
        if not isinstance(ended.__context__, OSError):
            raise
        return _lost(ended.__context__)
    except OSError as error:
        if error.errno not in _LOST:
            raise
        return _lost(error)
    return status if isinstance(status, int) else 0


def _refuse_unavailable(arguments: Sequence[str]) -> None:
    verb = next((word for word in arguments if not word.startswith("-")), None)
    if verb in verbs.UNAVAILABLE:
        package, extra = verbs.UNAVAILABLE[verb]
        raise MissingExtraError(package, extra, f"the verb {verb!r}")


def _from_click(error: Exception) -> UsageError:
    """Turn the argument parser's complaint into an error of ours."""
    message = error.format_message() if hasattr(error, "format_message") else error
    context = getattr(error, "ctx", None)
    path = getattr(context, "command_path", "bitprior") if context else "bitprior"
    found = " ".join(str(message).split()).rstrip(".")
    return UsageError("arguments as in the help", found, f"run: {path} --help")


def _report(error: BitpriorError, as_json: bool) -> int:
    line = " ".join(str(error).split())
    print(f"bitprior: {line}", file=sys.stderr)
    if as_json:
        fields = {"expected": error.expected, "found": error.found, "todo": error.todo}
        kind = {"type": type(error).__name__, "exit_code": error.exit_code}
        print(to_json({"error": {**kind, **fields}}))
    return error.exit_code


def _lost(error: OSError) -> int:
    """Say that stdout takes no more, once; what is still in its buffer goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    failure = UnwritableOutputError(
        "a stdout that takes the result", error.strerror or str(error), "free space, or read it all"
    )
    return _report(failure, as_json=False)
