"""A report as Markdown, and its tables between the markers of other documents."""

import re
from collections.abc import Sequence
from pathlib import Path

from bitprior_export.report.results import Report, Result
from bitprior_export.report.tables import Table, all_tables
from bitprior_runtime.errors import MissingFileError, UsageError
from bitprior_runtime.files import write_atomically

_BEGIN = "<!-- results:{} -->"
_END = "<!-- results end -->"
MARKED = re.compile(r"<!-- results:(?P<name>\S+) -->\n(?P<text>.*?)<!-- results end -->", re.DOTALL)
_SPECIAL = re.compile(r"([|<>&*_`\[\]\\])")


def render_markdown(report: Report) -> str:
    """Return the report as Markdown: every table, and the commands that make every number."""
    parts = [f"# {_escape(report.title)}", _escape(report.summary)]
    for table in all_tables(report.results):
        parts += [f"## {_escape(table.title)}", table_markdown(table)]
    parts.append("## Commands")
    for result in report.results:
        parts += [f"### {_escape(result.name)}", _commands(result)]
    return "\n\n".join(parts) + "\n"


def table_markdown(table: Table) -> str:
    """Return one table with its notes."""
    alignment = ["---", *("---:" for _ in table.columns[1:])]
    lines = [
        f"| {' | '.join(_escape(cell) for cell in cells)} |"
        for cells in (table.columns, *table.rows)
    ]
    lines.insert(1, f"|{'|'.join(alignment)}|")
    return "\n".join([*lines, *(f"\n{_escape(note)}" for note in table.notes)])


def _commands(result: Result) -> str:
    """Return the commands in the order in which they are run, each once, as a code block."""
    commands = [command for row in result.rows for command in row.made_by]
    listed = "\n".join(dict.fromkeys([*commands, result.command]))
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", listed)), default=0))
    return f"{fence}\n{listed}\n{fence}"


def _escape(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text).replace("\n", " ")


def filled(text: str, results: Sequence[Result], where: str) -> str:
    """Return a document with the tables of today between its markers.

    A table stands between ``<!-- results:NAME -->`` and ``<!-- results end -->``.

    Raises:
        UsageError: There is no marker, or none of the tables has its name.
    """
    tables = {table.name: table for table in all_tables(results)}
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


def fill(path: Path, results: Sequence[Result]) -> None:
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
    write_atomically(path, filled(text, results, str(path)).encode())
