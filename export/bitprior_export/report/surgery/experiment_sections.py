"""The parts of the page on raw reconstruction, starts, cuts and other operators."""

from collections.abc import Iterator, Sequence

from bitprior_export.report.section import Panels, Section
from bitprior_export.report.surgery.comparison import Comparison
from bitprior_export.report.surgery.experiments import (
    cuts_table,
    inits_table,
    operator_tables,
    raw_table,
)
from bitprior_export.report.surgery.figures import categories_figure, cuts_figure
from bitprior_export.report.surgery.initial import init_sets
from bitprior_export.report.surgery.pictures import trial_label, with_images
from bitprior_export.report.surgery.published import SHOWN_RATIO
from bitprior_export.report.surgery.representation import images_label, raw_found
from bitprior_export.report.surgery.selection import Found, found_in, method_label
from bitprior_export.report.surgery.sweep import CutSweep, cut_sweeps

Bar = tuple[float, float]


def raw_sections(comparisons: Sequence[Comparison]) -> Iterator[Section]:
    """Yield what priors show with A = I, if that was measured (Fig. 4, left)."""
    found = raw_found(comparisons)
    for table in raw_table(comparisons):
        figures = [
            categories_figure(
                network,
                "images",
                {
                    method_label(method, next(iter(by_images.values()))[1].cut): {
                        images_label(images): _bar(each) for images, each in by_images.items()
                    }
                    for method, by_images in methods.items()
                },
            )
            for network, methods in found.items()
        ]
        yield Section(table, [Panels("Representation and optimisation error (Fig. 4)", figures)])


def init_sections(comparisons: Sequence[Comparison]) -> Iterator[Section]:
    """Yield PSNR by start, if that was measured (Fig. 6)."""
    sets = init_sets(comparisons)
    for table in inits_table(comparisons):
        figures = []
        for prior in dict.fromkeys(each.prior for each in sets):
            entries = {
                f"{each.dataset}, m = {each.measurements}": {
                    init: _bar(found) for init, found in each.by_init.items()
                }
                for each in sets
                if each.prior == prior
            }
            figures.append(categories_figure(prior, "start", entries))
        yield Section(table, [Panels("Starts (Fig. 6)", figures)])


def cut_sections(comparisons: Sequence[Comparison]) -> Iterator[Section]:
    """Yield PSNR by cut and what images of each cut look like (Figs. 7 and 8)."""
    sweeps = cut_sweeps(comparisons)
    for table in cuts_table(comparisons):
        figures = [_sweep_figure(sweep) for sweep in sweeps]
        grids: list[tuple[str, Found]] = [named for sweep in sweeps for named in _by_cut(sweep)]
        panels = [Panels("PSNR by cut (Fig. 7)", figures)]
        title = "Recovered with each cut (Fig. 8)"
        yield with_images(table, panels, grids, title)


def _sweep_figure(sweep: CutSweep) -> str:
    pixels = next(iter(next(iter(sweep.by_m.values())).values()))[1].pixels
    entries = {
        f"m/n = {m / pixels:.2g}": {cut: _bar(found) for cut, found in by_cut.items()}
        for m, by_cut in sweep.by_m.items()
    }
    return cuts_figure(f"{sweep.network}, {sweep.bits}-bit, {sweep.dataset}", entries)


def _by_cut(sweep: CutSweep) -> Iterator[tuple[str, Found]]:
    """Yield what each cut recovered at the m/n of the paper's images."""

    def away(m: int) -> float:
        trial = next(iter(sweep.by_m[m].values()))[1]
        return abs(m / trial.pixels - SHOWN_RATIO)

    m = min(sweep.by_m, key=away)
    for found in sweep.by_m[m].values():
        yield trial_label(found[1]), found


def operator_sections(comparisons: Sequence[Comparison]) -> Iterator[Section]:
    """Yield inpainting and super-resolution, if they were measured."""
    for experiment, table in operator_tables(comparisons).items():
        named = [(trial_label(found[1]), found) for found in found_in(comparisons, experiment)]
        yield with_images(table, [], named)


def _bar(found: Found) -> Bar:
    return found[1].psnr.mean, found[1].psnr.deviation
