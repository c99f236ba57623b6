"""The parts of the page on photos: tables, figures, and the photos themselves."""

from collections.abc import Sequence

from bitprior_export.report.grid import Cell, Line
from bitprior_export.report.photo.figures import ratio_figure
from bitprior_export.report.photo.results import PhotoPictures, PhotoResult, PhotoRow
from bitprior_export.report.photo.selection import OfSet, by_set
from bitprior_export.report.photo.tables import (
    TIMED_RATIO,
    costs_table,
    others_table,
    quality_table,
    sensed_name,
    steps_table,
)
from bitprior_export.report.section import Panels, Section
from bitprior_export.report.surgery.pictures import picture

SHOWN = 6
# Width of the pictures, together, in units of the page's letters.
_ACROSS, _WIDEST = 60.0, 15.0
_NOT_SHOWN = ("pseudo-inverse", "PCA")


def photo_sections(photos: Sequence[PhotoResult]) -> Sequence[Section]:
    """Return every part that evaluations on photos fill."""
    sections = []
    for found in by_set(photos):
        figure = ratio_figure(found)
        panels = [] if figure is None else [Panels("", [figure])]
        sections.append(_with_pictures(found, panels))
        sections += [Section(table) for table in (*steps_table(found), *others_table(found))]
    return [*sections, *(Section(table) for table in costs_table(photos))]


def _with_pictures(found: OfSet, panels: Sequence[Panels]) -> Section:
    shown = _shown_result(found)
    if shown is None or shown.pictures is None:
        return Section(quality_table(found), panels)
    lines = picture_lines(found, shown, shown.pictures)
    row = shown.rows[int(shown.pictures.rows[0])]
    across = len(lines[0].cells) if lines else 1
    return Section(
        quality_table(found),
        panels,
        lines,
        f"Originals and recoveries: {sensed_name(row)}",
        "PSNR and SSIM under each picture; shown as JPEG of quality 88.",
        picture_width=min(_WIDEST, _ACROSS / across),
    )


def _shown_result(found: OfSet) -> PhotoResult | None:
    """Return the result whose pictures are shown: the main operator nearest to 10 %."""
    main = {(key.operator, key.noise) for key in found.main}
    fitting = [
        result
        for result in found.results
        if result.pictures is not None
        and (lambda row: (row.operator, row.noise) in main)(result.rows[result.pictures.rows[0]])
    ]

    def distance(result: PhotoResult) -> tuple[float, int, str]:
        assert result.pictures is not None
        row = result.rows[result.pictures.rows[0]]
        return abs(row.m / row.n - TIMED_RATIO), -len(result.pictures.rows), result.name

    return min(fitting, key=distance, default=None)


def picture_lines(found: OfSet, result: PhotoResult, pictures: PhotoPictures) -> Sequence[Line]:
    """Return a line of pictures for each photo: original, linear decoding, each prior.

    Under a photo that is alone stands what each prior costs, too.
    """
    label_of = {id(row): label for label, of in found.rows.items() for row in of.values()}
    columns = []
    for index, number in enumerate(pictures.rows.tolist()):
        row = result.rows[number]
        if id(row) in label_of and row.method not in _NOT_SHOWN:
            columns.append((label_of[id(row)], index, row))
    # What needs no prior stands beside the original.
    order = list(found.rows)
    columns.sort(key=lambda column: (column[0] in found.priors, order.index(column[0])))
    shown = min(SHOWN, len(pictures.original))
    lines = []
    for photo in range(shown):
        cells = [Cell(picture(pictures.original[photo]), ["original"])]
        for label, index, row in columns:
            quality = pictures.psnr[index, photo], pictures.ssim[index, photo]
            captions = [label, f"{quality[0]:.2f} dB", f"{quality[1]:.3f}"]
            captions += _costs(row) if len(pictures.original) == 1 else []
            cells.append(Cell(picture(pictures.recovered[index, photo]), captions))
        lines.append(Line("", cells))
    return lines


def _costs(row: PhotoRow) -> Sequence[str]:
    if row.prior is None:
        return []
    return [f"{row.prior.bundle_bytes:,} bytes", *(f"{t.fastest:.0f} ms" for t in row.times[:1])]
