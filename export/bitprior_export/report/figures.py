"""Figures as inline SVG: accuracy against bit width, and a grid of recovered images."""

import io
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bitprior_export.report.data import Report

# A gray that reads on white and on black paper: the figure follows the page's colour scheme.
_INK = "#808890"
_COLOURS = {"psnr": "#2f7ed8", "bytes": "#d9822b", "ms": "#3a9d5d"}
_NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "bitprior",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def accuracy_figure(report: Report) -> str:
    """Draw PSNR, generator bytes and milliseconds against bit width, side by side."""
    rows = sorted(report.rows, key=lambda row: row.bits)
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(9, 3.2), layout="constrained")
        quality, size, time = figure.subplots(1, 3)
        labels = [str(row.bits) for row in rows]
        position = np.arange(len(rows))
        quality.errorbar(
            position,
            [row.psnr for row in rows],
            [row.psnr_half_width for row in rows],
            color=_COLOURS["psnr"],
            marker="o",
            capsize=3,
        )
        for baseline in report.baselines:
            quality.axhline(baseline.psnr, color=_INK, linewidth=0.8, linestyle=":")
            quality.annotate(
                baseline.label,
                (position[-1], baseline.psnr),
                ha="right",
                va="bottom",
                fontsize=8,
                color=_INK,
            )
        quality.set_ylabel("PSNR, dB (95 % interval)")
        size.bar(position, [row.generator_bytes / 1000 for row in rows], color=_COLOURS["bytes"])
        size.set_ylabel("generator, kB")
        time.bar(position, [row.recovery_ms for row in rows], color=_COLOURS["ms"])
        time.set_ylabel("one recovery, ms")
        for axes in (quality, size, time):
            axes.set_xticks(position, labels)
            axes.set_xlabel("bits per weight")
        return _svg(figure)


def grid_figure(report: Report) -> str:
    """Draw originals over their recoveries, one line a bit width, PSNR under each image."""
    labels = [row.label for row in report.rows]
    columns = len(report.original)
    with mpl.rc_context(_STYLE):
        figure = Figure(
            figsize=(1.0 * columns + 0.8, 1.15 * (len(labels) + 1)), layout="constrained"
        )
        cells = figure.subplots(len(labels) + 1, columns, squeeze=False)
        _draw_line(cells[0], "original", report.original, None)
        for line, label in zip(cells[1:], labels, strict=True):
            _draw_line(line, label, report.recovered[label], report.recovered_psnr[label])
        return _svg(figure)


def _draw_line(
    cells: NDArray[Any],
    label: str,
    images: NDArray[np.float32],
    decibels: NDArray[np.float64] | None,
) -> None:
    for index, (axes, image) in enumerate(zip(cells, images, strict=True)):
        gray = image.shape[0] == 1
        pixels = np.clip(image[0] if gray else image.transpose(1, 2, 0), 0, 1)
        axes.imshow(pixels, cmap="gray" if gray else None, vmin=0, vmax=1, interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        if index == 0:
            axes.set_ylabel(label)
        if decibels is not None:
            axes.set_xlabel(f"{decibels[index]:.1f} dB", fontsize=7, labelpad=2)


def _svg(figure: Figure) -> str:
    """Return the figure as an <svg> element, the same bytes for the same figure."""
    file = io.StringIO()
    figure.savefig(file, format="svg", transparent=True, metadata=_NO_METADATA)
    text = file.getvalue()
    return text[text.index("<svg") :]
