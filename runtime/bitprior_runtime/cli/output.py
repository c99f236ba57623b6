"""What every verb prints: the result on stdout, progress on stderr."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, TypeAlias

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from bitprior_runtime.errors import UnwritableOutputError
from bitprior_runtime.json_text import to_json
from bitprior_runtime.solvers import Progress as ProgressCallback

JsonFlag: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def emit(result: dict[str, Any], line: str, json_mode: bool) -> None:
    """Print a result on stdout.

    Args:
        result: The figures, ready for JSON.
        line: The same for people; may have several lines.
        json_mode: Print ``result`` as one JSON object instead of ``line``.
    """
    if sys.stdout is None:
        raise UnwritableOutputError("a stdout for the result", "it is closed", "open it")
    print(to_json(result) if json_mode else line)


@contextmanager
def progress_bar(title: str) -> Iterator[ProgressCallback]:
    """Show progress on stderr; on a terminal only, so that logs stay clean."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not sys.stderr.isatty()
    ) as bar:
        task = bar.add_task(title, total=None)
        yield lambda step, steps: bar.update(task, completed=step, total=steps)


def warn(text: str) -> None:
    """Print a warning of one line on stderr."""
    print(f"Warning: {text}", file=sys.stderr)
