"""PSNR of recovered photos over the share of measurements, drawn."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from bitprior_export.report.drawing import INK, draw
from bitprior_export.report.photo.published import PEERS, PHOTOS
from bitprior_export.report.photo.selection import OfSet, Sensed

_SIZE = (6.4, 4.4)
_LINES = ("#2f7ed8", "#d9822b", "#3a9d5d", "#c2528b", "#8a6fd1", "#20a4a9", "#b59a1f", "#b0604a")
_LEFT_OUT = ("pseudo-inverse",)


def ratio_figure(found: OfSet) -> str | None:
    """Draw PSNR over the measurements' share of the pixels; None: there is only one share."""
    columns = found.main
    shares = {key: 100 * found.sensed[key].m / found.sensed[key].n for key in columns}
    if len(set(shares.values())) < 2 or len(set(shares.values())) < len(columns):
        return None

    def panel(axes: Axes) -> None:
        for index, (label, of) in enumerate(found.rows.items()):
            if label in _LEFT_OUT:
                continue
            keys = [key for key in columns if key in of]
            prior = label in found.priors
            axes.plot(
                [shares[key] for key in keys],
                [of[key].psnr.mean for key in keys],
                label=label,
                color=_LINES[index % len(_LINES)] if prior else INK,
                marker="o" if prior else None,
                markersize=4,
                linewidth=1.2,
                linestyle="-" if prior else ":",
            )
        _peer(axes, found, columns, shares)
        axes.set_xscale("log")
        ticks = sorted(shares.values())
        axes.set_xticks(ticks, [f"{tick:.0f}" for tick in ticks])
        axes.minorticks_off()
        axes.set_xlabel("measurements, % of the pixels")
        axes.set_ylabel("PSNR, dB")
        axes.legend(fontsize=8)

    return draw(panel, _SIZE)


def _peer(
    axes: Axes, found: OfSet, columns: Sequence[Sensed], shares: Mapping[Sensed, float]
) -> None:
    figures = PEERS[0].psnr.get(found.dataset, {})
    keys = [key for key in columns if found.sensed[key].percent in figures]
    whole = PHOTOS.get(found.dataset)
    if (
        keys
        and all(found.sensed[key].published for key in keys)
        and (found.sensed[keys[0]].photos == whole)
    ):
        axes.plot(
            [shares[key] for key in keys],
            [figures[found.sensed[key].percent] for key in keys],
            label=PEERS[0].label,
            color=INK,
            marker="s",
            markersize=4,
            linewidth=1.2,
            linestyle="--",
        )
