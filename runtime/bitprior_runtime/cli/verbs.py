"""Add verbs to the command line, and remember those whose packages are missing."""

from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Any

import typer

# Verbs that exist in bitprior but not here: verb -> (missing package, extra that brings it).
UNAVAILABLE: dict[str, tuple[str, str]] = {}


def add_verb(
    app: typer.Typer,
    name: str,
    function: Callable[..., Any],
    extra: str,
    packages: Sequence[str],
) -> None:
    """Add a verb if all packages it needs are installed.

    Args:
        app: The command line.
        name: The verb.
        function: What it runs; its packages are imported inside.
        extra: The extra of the distribution that brings the packages.
        packages: Top-level package names.
    """
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        UNAVAILABLE[name] = (missing[0], extra)
    else:
        app.command(name)(function)


def add_houses(app: typer.Typer) -> None:
    """Let the other houses add their verbs (entry-point group ``bitprior.commands``)."""
    for entry_point in sorted(entry_points(group="bitprior.commands"), key=lambda e: e.name):
        entry_point.load()(app)
