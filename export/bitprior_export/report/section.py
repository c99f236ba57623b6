"""A part of the page."""

from collections.abc import Sequence
from dataclasses import dataclass

from bitprior_export.report.grid import Line
from bitprior_export.report.table import Table

UNDER_EACH = "PSNR and SSIM under each image."


@dataclass(frozen=True)
class Panels:
    """Figures side by side.

    Attributes:
        title: Heading; empty: none.
        figures: SVG elements.
    """

    title: str
    figures: Sequence[str]


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        table: Its figures as a table.
        panels: Figures, in groups.
        grid: Lines of images.
        grid_title: Heading of the images.
        grid_note: What stands under them.
        sheets: Whether each line is one sheet of many images.
        picture_width: Width of an image in units of the page's letters; None: small, for images
            of few pixels, which are shown as squares.
    """

    table: Table
    panels: Sequence[Panels] = ()
    grid: Sequence[Line] = ()
    grid_title: str = "Originals and recoveries"
    grid_note: str = UNDER_EACH
    sheets: bool = False
    picture_width: float | None = None
