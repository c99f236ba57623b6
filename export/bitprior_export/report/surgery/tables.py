"""Tables of Generator Surgery, as text: HTML and Markdown show the same ones."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import mean

from bitprior_export.report.surgery.cells import SPREAD, images_of, spread
from bitprior_export.report.surgery.claims import Claim
from bitprior_export.report.surgery.comparison import Comparison
from bitprior_export.report.surgery.experiments import (
    cuts_table,
    inits_table,
    operator_tables,
    raw_table,
)
from bitprior_export.report.surgery.orderings import claims
from bitprior_export.report.surgery.prior import Prior
from bitprior_export.report.surgery.provenance import priors_table, variables_table
from bitprior_export.report.surgery.selection import Line, float_lines, labels, lines
from bitprior_export.report.surgery.widths import below_float, bit_lines
from bitprior_export.report.table import NONE, Table

INTERVALS = (
    "Differences are paired by image, same A and noise; ± is half a 95 % interval by Student's t. "
    "A case is one m, prior and data set, with 32-bit priors: it holds where its interval is above "
    "zero and fails where it is below. Shown: it holds in all cases, in 80 % of them where it "
    "says almost, in two thirds where it says mostly; refuted: it fails in too many for that."
)


def surgery_tables(comparisons: Sequence[Comparison], priors: Sequence[Prior]) -> Sequence[Table]:
    """Return every table that comparisons and priors fill."""
    if not comparisons:
        return priors_table(priors)
    return [
        orderings_table(comparisons),
        *gaussian_tables(comparisons).values(),
        *bits_tables(comparisons).values(),
        *raw_table(comparisons),
        *inits_table(comparisons),
        *cuts_table(comparisons),
        *operator_tables(comparisons).values(),
        *variables_table(comparisons),
        *priors_table(priors),
    ]


def orderings_table(comparisons: Sequence[Comparison]) -> Table:
    """Return every ordering of the paper with its verdict and, by data set and prior, figures."""
    found = claims(comparisons)
    columns = ("ordering", "data", "prior", "cases", "hold", "fail")
    return Table(
        "gs-orderings",
        "Generator Surgery: the paper's orderings",
        (*columns, "least, dB", "mean, dB", "most, dB"),
        [row for claim in found for row in _case_rows(claim)],
        [INTERVALS],
        lead=[claim.sentence for claim in found],
    )


def _case_rows(claim: Claim) -> Iterator[Sequence[str]]:
    places = dict.fromkeys((case.dataset, case.network) for case in claim.cases)
    for dataset, network in places:
        found = [
            case.difference
            for case in claim.cases
            if (case.dataset, case.network) == (dataset, network)
        ]
        means = [difference.mean for difference in found]
        yield [
            claim.number,
            dataset,
            network,
            str(len(found)),
            str(sum(difference.above for difference in found)),
            str(sum(difference.below for difference in found)),
            *(f"{value:+.2f}" for value in (min(means), mean(means), max(means))),
        ]


def gaussian_tables(comparisons: Sequence[Comparison]) -> Mapping[str, Table]:
    """Return PSNR by method and m of 32-bit priors, a table for each data set."""
    found = float_lines(lines(comparisons))
    tables = {}
    for dataset in dict.fromkeys(line.dataset for line in found):
        chosen = [line for line in found if line.dataset == dataset]
        title = f"Generator Surgery on {dataset}, Gaussian measurements"
        named = zip(labels(chosen), chosen, strict=True)
        names = [[label, line.network or NONE] for label, line in named]
        columns = ("method", "prior")
        tables[dataset] = _over_m(f"gs-{dataset}", title, columns, names, chosen)
    return tables


def _over_m(
    name: str,
    title: str,
    columns: Sequence[str],
    names: Sequence[Sequence[str]],
    chosen: Sequence[Line],
    lead: Sequence[str] = (),
) -> Table:
    """Return a table of lines over m; ``names`` are the first cells of each."""
    sizes = {m: trial for line in chosen for m, (_, trial) in line.points.items()}
    every = sorted(sizes)
    rows = [
        [*cells, *(spread(line.points.get(m)) for m in every)]
        for cells, line in zip(names, chosen, strict=True)
    ]
    headings = [f"m = {m}, m/n = {m / sizes[m].pixels:.3f}" for m in every]
    notes = [f"{SPREAD} {images_of(found for line in chosen for found in line.points.values())}"]
    return Table(name, title, (*columns, *headings), rows, notes, lead)


def bits_tables(comparisons: Sequence[Comparison]) -> Mapping[str, Table]:
    """Return PSNR of cut priors by bit width and m, a table for each data set."""
    tables = {}
    for dataset, chosen in bit_lines(comparisons).items():
        title = f"Generator Surgery with low-bit priors, {dataset}"
        named = zip(labels(chosen), chosen, strict=True)
        names = [[f"{line.bits}-bit", line.network or NONE, label] for label, line in named]
        columns = ("weights", "prior", "method")
        lead = list(below_float(chosen))
        tables[dataset] = _over_m(f"gs-bits-{dataset}", title, columns, names, chosen, lead)
    return tables
