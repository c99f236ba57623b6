"""Originals and recoveries with PSNR and SSIM under each image, as data of a page."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bitprior_export.report.results import Result, Samples
from bitprior_runtime.images.png import encode_png

SHOWN = 6


@dataclass(frozen=True)
class Cell:
    """One image.

    Attributes:
        source: The image as a data URL.
        captions: What stands under it.
    """

    source: str
    captions: Sequence[str]


@dataclass(frozen=True)
class Line:
    """One line of images.

    Attributes:
        label: What made them.
        cells: The images.
    """

    label: str
    cells: Sequence[Cell]


def grid_lines(result: Result) -> Sequence[Line]:
    """Return originals over their recoveries, the widest prior first; nothing without images."""
    samples = result.samples
    if samples is None:
        return []
    shown = min(SHOWN, len(samples.original))
    lines = [Line("original", [Cell(_url(image), []) for image in samples.original[:shown]])]
    order = sorted(
        range(len(result.rows)), key=lambda i: (-result.rows[i].bits, result.rows[i].label)
    )
    for index in order:
        cells = [_cell(samples, index, column) for column in range(shown)]
        lines.append(Line(result.rows[index].label, cells))
    return lines


def _cell(samples: Samples, row: int, column: int) -> Cell:
    decibels, likeness = samples.psnr[row, column], samples.ssim[row, column]
    return Cell(_url(samples.recovered[row, column]), [f"{decibels:.1f} dB", f"{likeness:.3f}"])


def _url(image: NDArray[np.uint8]) -> str:
    png = encode_png(image.astype(np.float32) / np.float32(255))
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
