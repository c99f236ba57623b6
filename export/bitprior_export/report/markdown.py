"""A report as Markdown, and its tables between the markers of other documents."""

import re
from collections.abc import Sequence
from pathlib import Path

from bitprior_export.report.findings import Findings, Report
from bitprior_export.report.table import Table
from bitprior_export.report.tables import all_tables, commands
from bitprior_runtime.errors import MissingFileError, UsageError
from bitprior_runtime.files import write_atomically

_BEGIN = "<!-- results:{} -->"
_END = "<!-- results end -->"
MARKED = re.compile(r"<!-- results:(?P<name>\S+) -->\n(?P<text>.*?)<!-- results end -->", re.DOTALL)
_SPECIAL = re.compile(r"([|<>&*_`\[\]\\])")


def render_markdown(report: Report) -> str:
    """Return the report as Markdown: every table, and the commands that make every number."""
    parts = [f"# {_escape(report.title)}", _escape(report.summary)]
    for table in all_tables(report.findings):
        parts += [f"## {_escape(table.title)}", table_markdown(table)]
    parts.append("## Commands")
    for name, lines in commands(report.findings).items():
        parts += [f"### {_escape(name)}", _code(lines)]
    return "\n\n".join(parts) + "\n"


def table_markdown(table: Table) -> str:
    """Return one table with its sentences and notes."""
    alignment = ["---", *("---:" for _ in table.columns[1:])]
    lines = [
        f"| {' | '.join(_escape(cell) for cell in cells)} |"
        for cells in (table.columns, *table.rows)
    ]
    lines = [lines[0], f"|{'|'.join(alignment)}|", *lines[1:]] if table.rows else []
    lead = [f"{_escape(sentence)}\n" for sentence in table.lead]
    return "\n".join([*lead, *lines, *(f"\n{_escape(note)}" for note in table.notes)])


def _code(lines: Sequence[str]) -> str:
    listed = "\n".join(lines)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", listed)), default=0))
    return f"{fence}\n{listed}\n{fence}"


def _escape(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text).replace("\n", " ")


def filled(text: str, findings: Findings, where: str) -> str:
    """Return a document with the tables of today between its markers.

    A table stands between ``<!-- results:NAME -->`` and ``<!-- results end -->``.

    Raises:
        UsageError: There is no marker, or none of the tables has its name.
    """
    tables = {table.name: table for table in all_tables(findings)}
    if not MARKED.search(text):
        raise UsageError(
            f"markers {_BEGIN.format('NAME')} and {_END} in {where}", "none", "add them"
        )

    def table_of(marked: re.Match[str]) -> str:
        name = marked["name"]
        if name not in tables:
            raise UsageError(
                f"a table out of {', '.join(tables)} in {where}", ascii(name), "rename the marker"
            )
        return f"{_BEGIN.format(name)}\n{table_markdown(tables[name])}\n{_END}"

    return MARKED.sub(table_of, text)


def fill(path: Path, findings: Findings) -> None:
    """Put the tables of today between the markers of a document.

    Raises:
        MissingFileError: It cannot be read.
        UsageError: See :func:`filled`.
        UnwritableOutputError: It cannot be written.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MissingFileError(f"a readable document {path}", str(error), "check it") from error
    write_atomically(path, filled(text, findings, str(path)).encode())
