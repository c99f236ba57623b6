"""The verbs of the export house."""

import typer


def register(app: typer.Typer) -> None:
    """Add ``export``."""
