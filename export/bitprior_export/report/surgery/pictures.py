"""Recovered images and samples of priors, as data of a page: JPEG, for its size."""

import base64
import io
from collections.abc import Sequence
from statistics import median_low

import numpy as np
from numpy.typing import NDArray

from bitprior_export.report.grid import Cell, Line
from bitprior_export.report.results import FLOAT_BITS
from bitprior_export.report.section import Panels, Section
from bitprior_export.report.surgery.comparison import Comparison, Trial
from bitprior_export.report.surgery.prior import Prior
from bitprior_export.report.surgery.selection import Found, method_label
from bitprior_export.report.table import Table

SHOWN = 4
_ACROSS = 8
_QUALITY = 88


def trial_label(trial: Trial) -> str:
    """Return what stands beside a line of images: short, for narrow screens."""
    bits = None if trial.bits in (None, FLOAT_BITS) else f"{trial.bits}-bit"
    return ", ".join(filter(None, (method_label(trial.method, trial.cut), trial.prior, bits)))


def with_images(
    table: Table,
    panels: Sequence[Panels],
    named: Sequence[tuple[str, Found]],
    title: str = "Originals and recoveries",
) -> Section:
    """Return a part of the page with recovered images, if there are any.

    Args:
        table: Its table.
        panels: Its figures.
        named: Label, and what to show; an m that is not the usual one is added to its label.
        title: Heading of the images.
    """
    usual = median_low(trial.measurements for _, (_, trial) in named) if named else 0
    told = [
        (
            label if found[1].measurements == usual else f"{label}, m = {found[1].measurements}",
            found,
        )
        for label, found in named
    ]
    note = (
        f"m = {usual} where nothing else is said. PSNR of the recovered image under each; shown as "
        f"JPEG of quality {_QUALITY}."
    )
    return Section(table, panels, recovered_lines(told), title, note)


def recovered_lines(named: Sequence[tuple[str, Found]]) -> Sequence[Line]:
    """Return originals over what each found of them; nothing where there are no images.

    Args:
        named: Label, and what to show; what is of other images than the first is left out.
    """
    kept = [
        (label, found[0], found[1])
        for label, found in named
        if found[0].original is not None and found[1].recovered is not None
    ]
    if not kept:
        return []
    original = kept[0][1].original
    assert original is not None
    first = [Cell(picture(image), []) for image in original[:SHOWN]]
    return [
        Line("original", first),
        *(
            Line(label, _cells(trial))
            for label, comparison, trial in kept
            if _same(comparison, original)
        ),
    ]


def _same(comparison: Comparison, original: NDArray[np.uint8]) -> bool:
    assert comparison.original is not None
    return np.array_equal(comparison.original[:SHOWN], original[:SHOWN])


def _cells(trial: Trial) -> Sequence[Cell]:
    assert trial.recovered is not None
    return [
        Cell(picture(image), [f"{decibels:.1f} dB"])
        for image, decibels in zip(trial.recovered[:SHOWN], trial.psnr.values, strict=False)
    ]


def sample_sheets(priors: Sequence[Prior]) -> Sequence[Line]:
    """Return a sheet of samples for each prior, and once the images of each data set."""
    lines = []
    shown: set[str] = set()
    for prior in sorted(priors, key=lambda each: (each.prior, -each.bits, each.name)):
        if prior.made is None or prior.real is None:
            continue
        if prior.dataset not in shown:
            shown.add(prior.dataset)
            label = f"{prior.dataset}, validation images"
            lines.append(Line(label, [Cell(picture(sheet(prior.real[:_ACROSS])), [])]))
        label = f"{prior.name}, samples"
        lines.append(Line(label, [Cell(picture(sheet(prior.made)), [])]))
    return lines


def sheet(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return images [n,C,H,W] side by side, in full rows of eight, as one [C,rows H,8 W]."""
    across = min(_ACROSS, len(images))
    rows = len(images) // across
    _, channels, height, width = images.shape
    tiles = images[: rows * across].reshape(rows, across, channels, height, width)
    return tiles.transpose(2, 0, 3, 1, 4).reshape(channels, rows * height, across * width)


def picture(image: NDArray[np.uint8]) -> str:
    """Return an image [C,H,W], C = 1 or 3, as a data URL."""
    from PIL import Image

    pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(
        file, "JPEG", quality=_QUALITY, optimize=True
    )
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
