"""The verb ``bitprior report``. Importing this loads no drawing: the command line starts fast."""

from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from bitprior_runtime.cli.output import JsonFlag, emit
from bitprior_runtime.errors import UsageError
from bitprior_runtime.files import check_writable, write_atomically

if TYPE_CHECKING:
    from bitprior_export.report.findings import Report

Format: TypeAlias = Literal["html", "md", "csv", "json"]

TITLE = "bitprior: results"
SUMMARY = (
    "Images recovered from compressed measurements with generative priors of 1 to 4 bits and of 32 "
    "bits. The tables are made by bitprior report from what bitprior evaluate measured."
)


def report(
    results: Annotated[
        Path, typer.Argument(help="Folder of what evaluate and compare-methods wrote.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="The file to write; without it json, csv and md go to stdout."),
    ] = None,
    format_: Annotated[
        Format | None,
        typer.Option("--format", help="Default html: one page that needs nothing but itself."),
    ] = None,
    fill: Annotated[
        list[Path] | None,
        typer.Option(help="Document whose marked tables are brought up to date; may be repeated."),
    ] = None,
    priors: Annotated[
        list[Path] | None,
        typer.Option(
            help="Run of bitprior train --prior whose facts and samples are put into the folder "
            "first; may be repeated."
        ),
    ] = None,
    title: Annotated[str, typer.Option(help="Heading of html and md.")] = TITLE,
    json: JsonFlag = False,
) -> None:
    """Show what evaluations found: tables beside the paper's, figures, images, commands."""
    from bitprior_export.report.findings import Report
    from bitprior_export.report.folder import read_findings
    from bitprior_export.report.markdown import fill as fill_document
    from bitprior_export.report.surgery.prior import add_prior

    documents = fill or []
    # As any verb's result: on stdout, in the form that was asked for.
    printed = (format_ or ("json" if json and not documents else None)) if out is None else None
    if printed == "html" or (out is None and printed is None and not documents):
        raise UsageError(
            "--out FILE, or --fill DOCUMENT, or --format json, csv or md for stdout",
            "a page of html for stdout" if printed else "neither",
            "say where the report goes",
        )
    if out is not None:
        check_writable(out)
    for run in priors or []:
        add_prior(run, results)
    found = read_findings(results)
    if out is not None:
        report = Report(title, SUMMARY, found, {})
        write_atomically(out, _render(report, format_ or "html").encode())
    for document in documents:
        fill_document(document, found)
    if printed is not None:
        text = _render(Report(title, SUMMARY, found, {}), printed)
        if json and printed != "json":
            text = dumps({"format": printed, "report": text}) + "\n"
        print(text, end="")
        return
    written = [str(path) for path in (*([out] if out else []), *documents)]
    rows = sum(len(result.rows) for result in found.results)
    rows += sum(len(result.rows) for result in found.photos)
    rows += sum(len(comparison.trials) for comparison in found.comparisons)
    count = len(found.results) + len(found.photos) + len(found.comparisons)
    line = f"Reported {rows} rows of {count} results in {', '.join(written)}"
    emit({"written": written, "results": count, "rows": rows}, line, json)


def _render(report: "Report", format_: Format) -> str:
    from bitprior_export.report.flat import render_csv, render_json
    from bitprior_export.report.html import render
    from bitprior_export.report.markdown import render_markdown

    if format_ == "csv":
        return render_csv(report.findings)
    if format_ == "json":
        return render_json(report.findings)
    return render_markdown(report) if format_ == "md" else render(report)
