"""The parts of the page on Generator Surgery; what was not measured is left out."""

from collections.abc import Iterator, Sequence

from bitprior_export.report.section import Panels, Section
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
    Comparison,
)
from bitprior_export.report.surgery.experiment_sections import (
    cut_sections,
    init_sections,
    operator_sections,
    raw_sections,
)
from bitprior_export.report.surgery.figures import methods_figure, widths_figure
from bitprior_export.report.surgery.pictures import (
    sample_sheets,
    trial_label,
    with_images,
)
from bitprior_export.report.surgery.prior import Prior
from bitprior_export.report.surgery.provenance import priors_table, variables_table
from bitprior_export.report.surgery.published import SHOWN_RATIO
from bitprior_export.report.surgery.selection import (
    Found,
    Line,
    beside,
    float_lines,
    lines,
    networks,
)
from bitprior_export.report.surgery.tables import bits_tables, gaussian_tables, orderings_table
from bitprior_export.report.surgery.widths import bit_lines

# Panels of PSNR over m/n, by the paper's figures.
_PANELS = {
    "Effect of Generator Surgery (Fig. 2)": (GS, NO_GS, LASSO),
    "Beside other methods (Fig. 3)": (GS, MGAN, DECODER, IAGAN, ILO, CUT_BEFORE),
    "Trained and untrained (Fig. 4)": (GS, UNTRAINED),
}


def surgery_sections(
    comparisons: Sequence[Comparison], priors: Sequence[Prior]
) -> Sequence[Section]:
    """Return every part that comparisons and priors fill."""
    if not comparisons:
        return list(_priors(priors))
    return [
        Section(orderings_table(comparisons)),
        *_gaussian(comparisons),
        *_widths(comparisons),
        *raw_sections(comparisons),
        *init_sections(comparisons),
        *cut_sections(comparisons),
        *operator_sections(comparisons),
        *map(Section, variables_table(comparisons)),
        *_priors(priors),
    ]


def _priors(priors: Sequence[Prior]) -> Iterator[Section]:
    for table in priors_table(priors):
        yield Section(
            table,
            grid=sample_sheets(priors),
            grid_title="What they make of random latents",
            grid_note="The first samples of each run, not chosen.",
            sheets=True,
        )


def _gaussian(comparisons: Sequence[Comparison]) -> Iterator[Section]:
    found = float_lines(lines(comparisons))
    for dataset, table in gaussian_tables(comparisons).items():
        panels = []
        for title, methods in _PANELS.items():
            figures = [
                methods_figure(f"{network}, {dataset}", chosen)
                for of_data, network in networks(found)
                if of_data == dataset
                and len(chosen := _chosen(found, dataset, network, methods)) > 1
            ]
            if figures:
                panels.append(Panels(title, figures))
        of_set = [line for line in found if line.dataset == dataset]
        yield with_images(table, panels, _at_shown_ratio(of_set))


def _widths(comparisons: Sequence[Comparison]) -> Iterator[Section]:
    tables = bits_tables(comparisons)
    for dataset, chosen in bit_lines(comparisons).items():
        figures = [
            widths_figure(
                f"{network}, {dataset}", [each for each in chosen if each.network == network]
            )
            for network in dict.fromkeys(line.network for line in chosen)
        ]
        yield with_images(tables[dataset], [Panels("", figures)], _at_shown_ratio(chosen))


def _chosen(
    found: Sequence[Line], dataset: str, network: str, methods: Sequence[str]
) -> Sequence[Line]:
    by_method = beside(found, dataset, network)
    return [by_method[method] for method in methods if method in by_method]


def _at_shown_ratio(of_set: Sequence[Line]) -> Sequence[tuple[str, Found]]:
    """Return label and finding of each line at the m/n of the paper's images."""
    named = []
    for line in of_set:
        with_images = [each for each in line.points.values() if each[1].recovered is not None]
        if with_images:
            found = min(with_images, key=_from_shown)
            named.append((trial_label(found[1]), found))
    return named


def _from_shown(found: Found) -> float:
    trial = found[1]
    return abs(trial.measurements / trial.pixels - SHOWN_RATIO)
