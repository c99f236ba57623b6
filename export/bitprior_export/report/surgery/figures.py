"""Figures of Generator Surgery as inline SVG: PSNR over m/n, bands of one standard deviation."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from bitprior_export.report.drawing import INK, draw
from bitprior_export.report.surgery.comparison import (
    CUT_BEFORE,
    DECODER,
    GS,
    IAGAN,
    ILO,
    LASSO,
    MGAN,
    NO_GS,
    UNTRAINED,
)
from bitprior_export.report.surgery.selection import Line, labels

_SIZE = (3.3, 3.2)
_BAND = 0.15
_SHIFT = 0.07
_NARROW = 13  # characters of a label of which three fit side by side
# Colour and marker tell the methods apart, each the same in all figures.
STYLES: Mapping[str, tuple[str, str]] = {
    GS: ("#2f7ed8", "o"),
    NO_GS: ("#d9822b", "s"),
    LASSO: (INK, "x"),
    UNTRAINED: ("#c2528b", "v"),
    ILO: ("#20a4a9", "P"),
    IAGAN: ("#8a6fd1", "D"),
    DECODER: ("#3a9d5d", "^"),
    MGAN: ("#b59a1f", "*"),
    CUT_BEFORE: ("#b0604a", "<"),
}
_SERIES = (
    ("#2f7ed8", "o"),
    ("#d9822b", "s"),
    ("#3a9d5d", "^"),
    ("#c2528b", "v"),
    ("#8a6fd1", "D"),
    ("#20a4a9", "P"),
    ("#b59a1f", "*"),
    (INK, "x"),
)
_LONGEST = 28  # characters of a name; longer ones would leave no room for the axes
_Y_LABEL = "PSNR, dB (± 1 sd)"


def methods_figure(title: str, chosen: Sequence[Line]) -> str:
    """Draw PSNR over m/n, a line with its band for each method."""
    named = zip(labels(chosen), chosen, strict=True)
    return _over_ratio(title, [(line, label, *STYLES[line.method]) for label, line in named])


def widths_figure(title: str, chosen: Sequence[Line]) -> str:
    """Draw PSNR over m/n, a line with its band for each bit width."""
    styles = [_SERIES[index % len(_SERIES)] for index in range(len(chosen))]
    named = zip(chosen, styles, strict=True)
    return _over_ratio(
        title, [(line, f"{line.bits}-bit", colour, marker) for line, (colour, marker) in named]
    )


def _over_ratio(title: str, entries: Sequence[tuple[Line, str, str, str]]) -> str:
    def panel(axes: Axes) -> None:
        for line, label, colour, marker in entries:
            trials = [trial for _, trial in line.points.values()]
            means = [trial.psnr.mean for trial in trials]
            spreads = [trial.psnr.deviation for trial in trials]
            _banded(axes, _ratios(line), means, spreads, label, colour, marker)
        axes.set_xscale("log")
        ticks = _apart(sorted({ratio for line, *_ in entries for ratio in _ratios(line)}))
        axes.set_xticks(ticks, [f"{ratio:.2g}" for ratio in ticks])
        axes.minorticks_off()
        axes.set_xlabel("m/n")
        _finish(axes, title)

    return draw(panel, _SIZE)


def _ratios(line: Line) -> Sequence[float]:
    return [trial.measurements / trial.pixels for _, trial in line.points.values()]


def _apart(ratios: Sequence[float]) -> Sequence[float]:
    """Return the ratios whose ticks do not run into each other on a logarithmic axis."""
    ticks: list[float] = []
    for ratio in ratios:
        if not ticks or ratio > 1.45 * ticks[-1]:
            ticks.append(ratio)
    return ticks


def _banded(
    axes: Axes,
    at: Sequence[float],
    means: Sequence[float],
    spreads: Sequence[float],
    label: str,
    colour: str,
    marker: str,
) -> None:
    low = [mean - spread for mean, spread in zip(means, spreads, strict=True)]
    high = [mean + spread for mean, spread in zip(means, spreads, strict=True)]
    axes.fill_between(at, low, high, color=colour, alpha=_BAND, linewidth=0)
    axes.plot(at, means, color=colour, marker=marker, markersize=4, linewidth=1.2, label=label)


def categories_figure(
    title: str, label: str, entries: Mapping[str, Mapping[str, tuple[float, float]]]
) -> str:
    """Draw PSNR with bars of one standard deviation over named things.

    Args:
        title: Heading.
        label: Of the x axis.
        entries: Mean and standard deviation by series and name.
    """
    names = list(dict.fromkeys(name for values in entries.values() for name in values))

    def panel(axes: Axes) -> None:
        for index, (series, values) in enumerate(entries.items()):
            colour, marker = _SERIES[index % len(_SERIES)]
            shift = _SHIFT * (index - (len(entries) - 1) / 2)
            axes.errorbar(
                [names.index(name) + shift for name in values],
                [mean for mean, _ in values.values()],
                [spread for _, spread in values.values()],
                color=colour,
                linestyle="none",
                marker=marker,
                markersize=4,
                capsize=2,
                label=_brief(series),
            )
        shown = [_brief(name) for name in names]
        axes.set_xticks(range(len(names)), shown, rotation=25, ha="right", fontsize=8)
        axes.margins(x=0.12)
        axes.set_xlabel(label)
        _finish(axes, title)

    return draw(panel, _SIZE)


def _brief(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"


def cuts_figure(title: str, entries: Mapping[str, Mapping[int, tuple[float, float]]]) -> str:
    """Draw PSNR over c, a line with its band for each m/n."""

    def panel(axes: Axes) -> None:
        for index, (series, values) in enumerate(entries.items()):
            means, spreads = zip(*values.values(), strict=True)
            colour, marker = _SERIES[index % len(_SERIES)]
            _banded(axes, list(values), means, spreads, series, colour, marker)
        axes.set_xticks(sorted({cut for values in entries.values() for cut in values}))
        axes.set_xlabel("blocks cut")
        _finish(axes, title)

    return draw(panel, _SIZE)


def _finish(axes: Axes, title: str) -> None:
    axes.set_title(title)
    axes.set_ylabel(_Y_LABEL)
    figure = axes.get_figure()
    assert figure is not None
    longest = max(len(label) for label in axes.get_legend_handles_labels()[1])
    columns = 3 if longest <= _NARROW else 2
    figure.legend(loc="outside lower center", ncols=columns, fontsize=7.5, handlelength=1.4)
