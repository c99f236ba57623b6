"""Write a report as one self-contained HTML file: no script, no network, dark and light."""

import os
from importlib.resources import files

from bitprior_export.report.data import Report
from bitprior_runtime.errors import MissingExtraError
from bitprior_runtime.files import write_atomically


def write_report(path: str | os.PathLike[str], report: Report) -> None:
    """Render and write a report, whole or not at all.

    Raises:
        MissingExtraError: matplotlib or jinja2 is not installed.
        UnwritableOutputError: The file cannot be written.
    """
    write_atomically(path, render(report).encode())


def render(report: Report) -> str:
    """Return the report as HTML."""
    try:
        from jinja2 import Environment

        from bitprior_export.report.figures import accuracy_figure, grid_figure
    except ImportError as error:
        raise MissingExtraError(error.name or "jinja2", "report", "reports") from error
    source = files("bitprior_export.report").joinpath("report.html.jinja").read_text("utf-8")
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        source
    )
    widest = max(report.rows, key=lambda row: row.bits)
    return template.render(
        report=report,
        widest=widest,
        accuracy=accuracy_figure(report),
        grid=grid_figure(report),
    )
