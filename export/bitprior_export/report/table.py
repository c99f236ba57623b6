"""A table of a report."""

from collections.abc import Sequence
from dataclasses import dataclass

NONE = "\N{EN DASH}"


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        name: For links and for the markers in other documents.
        title: Heading.
        columns: Headings of the columns; the first one names the rows.
        rows: Cells.
        notes: What a reader must know.
        lead: What it shows, in sentences before it.
    """

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    lead: Sequence[str] = ()
