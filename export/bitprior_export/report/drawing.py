"""Panels drawn as inline SVG: the style of all figures, and few bytes."""

import io
import re
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

_LONG = re.compile(r"\d+\.\d{3,}(?![\d.]*e)")
# A gray that reads on white and on black paper: the figure follows the page's colour scheme.
INK = "#808890"
_SMALL = (3.3, 2.7)
_NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "bitprior",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # with matplotlib; the page's reader may have another
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.titlesize": 10,
    "axes.titlecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.labelcolor": INK,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def draw(panel: Callable[[Axes], None], size: tuple[float, float] = _SMALL) -> str:
    """Return one panel as an <svg> element, the same bytes for the same data.

    Args:
        panel: Draws it.
        size: Width and height, inches.
    """
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        panel(figure.subplots())
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata=_NO_METADATA)
    text = file.getvalue()
    return _compact(text[text.index("<svg") :])


def _compact(svg: str) -> str:
    """Return the same picture in half the bytes: no comments, indents or thousandths of a point."""
    svg = re.sub(r">\s+<", "><", re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL))
    return re.sub(r"<[^>]*>", lambda tag: _LONG.sub(_rounded, " ".join(tag[0].split())), svg)


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")
