"""Figures as inline SVG: accuracy, size and time against bit width, sparsity sweeps, weights."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from bitprior_export.report.drawing import INK, draw
from bitprior_export.report.results import Result, Row

# Shares are drawn from the smallest on that can be seen: a few large weights are what sets four
# bits apart from one.
_LEAST_SHARE = 1e-5
_COLOURS = {"psnr": "#2f7ed8", "bytes": "#d9822b", "ms": "#3a9d5d", "weights": "#8a6fd1"}
_LINES = ("#2f7ed8", "#d9822b", "#3a9d5d", "#c2528b", "#8a6fd1", "#20a4a9")


def width_figures(result: Result) -> Sequence[str]:
    """Draw PSNR with error bars, generator bytes and milliseconds against bit width."""
    rows = sorted(
        (r for r in result.rows if not r.is_untrained), key=lambda row: (row.bits, row.label)
    )

    def quality(axes: Axes) -> None:
        axes.errorbar(
            range(len(rows)),
            [row.psnr.mean for row in rows],
            [row.psnr.half_width for row in rows],
            color=_COLOURS["psnr"],
            linestyle="none",
            marker="o",
            capsize=3,
        )
        for baseline in result.baselines:
            axes.axhline(baseline.psnr.mean, color=INK, linewidth=0.8, linestyle=":")
            place = (len(rows) - 1, baseline.psnr.mean)
            axes.annotate(baseline.label, place, ha="right", va="bottom", fontsize=8, color=INK)
        axes.set_ylabel("PSNR, dB (95 % interval)")

    def size(axes: Axes) -> None:
        kilobytes = [row.generator_bytes / 1000 for row in rows]
        axes.bar(range(len(rows)), kilobytes, color=_COLOURS["bytes"])
        axes.set_ylabel("generator, kB")

    def time(axes: Axes) -> None:
        axes.bar(range(len(rows)), [row.recovery_ms for row in rows], color=_COLOURS["ms"])
        axes.set_ylabel("one recovery, ms")

    return [_over_widths(content, rows) for content in (quality, size, time)]


def _over_widths(content: Callable[[Axes], None], rows: Sequence[Row]) -> str:
    def panel(axes: Axes) -> None:
        content(axes)
        labels = ["DCS" if row.system.endswith("DCS") else str(row.bits) for row in rows]
        axes.set_xticks(range(len(rows)), labels)
        axes.set_xlabel("bits per weight")

    return draw(panel)


def weight_figures(result: Result) -> Sequence[str]:
    """Draw how the weights of each prior are spread, a panel each, the fewest bits first."""
    rows = sorted(result.rows, key=lambda row: (row.bits, row.label))
    return [_weights(row) for row in rows]


def _weights(row: Row) -> str:
    def panel(axes: Axes) -> None:
        spread = row.weights
        gaps = np.diff(sorted(spread.at))
        width = 0.85 * float(gaps.min()) if len(gaps) and gaps.min() > 0 else 0.85
        axes.bar(spread.at, spread.share, width, color=_COLOURS["weights"])
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set_ylim(_LEAST_SHARE, 1.5)
        axes.set_title(row.label)
        level = spread.unit == "level"
        axes.set_xlabel("level" if level else "weight / standard deviation")
        axes.set_ylabel("share of weights")

    return draw(panel)


def sparsity_figures(systems: Mapping[str, Mapping[int, Row]]) -> Sequence[str]:
    """Draw PSNR and SSIM against s, a line a system."""

    def of(axes: Axes, name: str, label: str) -> None:
        for index, (system, rows) in enumerate(systems.items()):
            levels = sorted(rows)
            means = [getattr(rows[s], name) for s in levels]
            axes.errorbar(
                levels,
                [mean.mean for mean in means],
                [mean.half_width for mean in means],
                label=system,
                marker="o",
                markersize=4,
                capsize=2,
                color=_LINES[index % len(_LINES)],
            )
        axes.set_xlabel("s, non-zeros of the latent")
        axes.set_ylabel(label)
        axes.legend(fontsize=8)

    return [
        draw(lambda axes: of(axes, "psnr", "PSNR, dB (95 % interval)")),
        draw(lambda axes: of(axes, "ssim", "SSIM (95 % interval)")),
    ]
