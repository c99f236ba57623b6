"""Write a report as one self-contained HTML file: no script, no network, dark and light."""

import os
from collections.abc import Sequence
from importlib.resources import files

from bitprior_export.report.cameras.tables import camera_tables
from bitprior_export.report.findings import Findings, Report
from bitprior_export.report.grid import grid_lines
from bitprior_export.report.results import FLOAT_BITS, Result
from bitprior_export.report.section import Panels, Section
from bitprior_export.report.selection import main_results, sweeps
from bitprior_export.report.tables import (
    commands,
    paper_tables,
    provenance_tables,
    seed_table,
    sensing_table,
    sparsity_tables,
    width_table,
)
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
    """Return the report as HTML.

    Raises:
        MissingExtraError: matplotlib or jinja2 is not installed.
    """
    try:
        import matplotlib as mpl
        from jinja2 import Environment
    except ImportError as error:
        raise MissingExtraError(error.name or "jinja2", "report", "reports") from error
    source = files("bitprior_export.report").joinpath("report.html.jinja").read_text("utf-8")
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        source
    )
    facts = {**report.facts, "figures": f"matplotlib {mpl.__version__}"}
    return template.render(
        report=report,
        sections=_sections(report.findings),
        rows=provenance_tables(report.findings),
        commands=commands(report.findings),
        facts=facts,
    )


def _sections(findings: Findings) -> Sequence[Section]:
    from bitprior_export.report.figures import sparsity_figures
    from bitprior_export.report.photo.sections import photo_sections
    from bitprior_export.report.surgery.sections import surgery_sections

    results = findings.results
    sections = [*photo_sections(findings.photos)]
    sections += [Section(table) for table in camera_tables(findings.cameras)]
    sections += [Section(table) for table in paper_tables(results)]
    sections += [_width_section(result) for result in main_results(results)]
    for table, systems in zip(sparsity_tables(results), sweeps(results).values(), strict=True):
        sections.append(Section(table, [Panels("", sparsity_figures(systems))]))
    sections += [Section(table) for table in (*seed_table(results), *sensing_table(results))]
    return [*sections, *surgery_sections(findings.comparisons, findings.priors)]


def _width_section(result: Result) -> Section:
    """Return table, figures and images of one result; of a second engine no weights again."""
    from bitprior_export.report.figures import weight_figures, width_figures

    row = result.rows[0]
    first = row.engine == "float" and row.sensing_bits == FLOAT_BITS and row.solver.papers
    panels = [Panels("", width_figures(result))]
    if first:
        panels.append(Panels("How the weights are spread", weight_figures(result)))
    return Section(width_table(result), panels, grid_lines(result))
