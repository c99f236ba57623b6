"""Tables of Generator Surgery, as text: HTML and Markdown show the same ones."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import mean

from bitprior_export.report.surgery.claims import Claim
from bitprior_export.report.surgery.comparison import MASK, SUPERRES, Comparison, Trial
from bitprior_export.report.surgery.initial import InitSet, init_sets
from bitprior_export.report.surgery.orderings import claims
from bitprior_export.report.surgery.representation import images_label, raw_found
from bitprior_export.report.surgery.selection import (
    Found,
    Line,
    float_lines,
    found_in,
    lines,
    method_label,
)
from bitprior_export.report.surgery.sweep import CutSweep, cut_sweeps
from bitprior_export.report.table import NONE, Table

SPREAD = "PSNR in dB, mean ± one standard deviation over images."
INTERVALS = (
    "Differences are paired by image, same A and noise; ± is half a 95 % interval by Student's t. "
    "A case is one m, prior and data set, with 32-bit priors: it holds where its interval is above "
    "zero and fails where it is below. Shown: it holds in all cases, in 80 % of them where it "
    "says almost, in half where it says mostly; refuted: it fails in too many for that."
)


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
        names = [[line.network or NONE, line.label] for line in chosen]
        columns = ("prior", "method")
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
        [*cells, *(_spread(line.points.get(m)) for m in every)]
        for cells, line in zip(names, chosen, strict=True)
    ]
    headings = [f"m = {m}, m/n = {m / sizes[m].pixels:.3f}" for m in every]
    notes = [f"{SPREAD} {_conditions(line for line in chosen)}"]
    return Table(name, title, (*columns, *headings), rows, notes, lead)


def _conditions(chosen: Iterator[Line]) -> str:
    """Say how many images there were of which part."""
    found = dict.fromkeys(
        f"{comparison.dataset}, {comparison.part}"
        for line in chosen
        for comparison, _ in line.points.values()
    )
    return f"Images: {'; '.join(found)}."


def bits_tables(comparisons: Sequence[Comparison]) -> Mapping[str, Table]:
    """Return PSNR of cut priors by bit width and m, a table for each data set."""
    tables = {}
    for dataset, chosen in bit_lines(comparisons).items():
        title = f"Generator Surgery with low-bit priors, {dataset}"
        names = [[line.network or NONE, line.label, f"{line.bits}"] for line in chosen]
        columns = ("prior", "method", "bits")
        lead = list(_below_float(chosen))
        tables[dataset] = _over_m(f"gs-bits-{dataset}", title, columns, names, chosen, lead)
    return tables


def raw_table(comparisons: Sequence[Comparison]) -> Sequence[Table]:
    """Return PSNR with A = I by method and images."""
    found = raw_found(comparisons)
    images = sorted(
        {each for methods in found.values() for by_images in methods.values() for each in by_images}
    )
    rows = [
        [
            network,
            method_label(method, next(iter(by_images.values()))[1].cut),
            *(_spread(by_images.get(each)) for each in images),
        ]
        for network, methods in found.items()
        for method, by_images in methods.items()
    ]
    columns = ("prior", "method", *map(images_label, images))
    title = "Representation and optimisation error: A = I, no noise"
    note = (
        f"{SPREAD} Own samples are in the range of the uncut prior: what no GS loses on them is "
        "optimisation error alone."
    )
    return [Table("gs-raw", title, columns, rows, [note])] if rows else []


def inits_table(comparisons: Sequence[Comparison]) -> Sequence[Table]:
    """Return PSNR by how latents start."""
    sets = init_sets(comparisons)
    inits = list(dict.fromkeys(init for each in sets for init in each.by_init))
    rows = [
        [each.dataset, each.prior, f"{each.measurements}"]
        + [_spread(each.by_init.get(init)) for init in inits]
        for each in sets
    ]
    columns = ("data", "prior", "m", *inits)
    title = "Generator Surgery: how latents start"
    return [Table("gs-inits", title, columns, rows, [SPREAD, *_parts(sets)])] if rows else []


def _parts(sets: Sequence[InitSet]) -> Sequence[str]:
    parts = dict.fromkeys(
        f"{each.dataset}, {comparison.part}"
        for each in sets
        for comparison, _ in each.by_init.values()
    )
    return [f"Images: {'; '.join(parts)}."]


def cuts_table(comparisons: Sequence[Comparison]) -> Sequence[Table]:
    """Return PSNR by c and m."""
    sweeps = cut_sweeps(comparisons)
    cuts = sorted({cut for sweep in sweeps for cut in sweep.cuts})
    rows = [
        [sweep.dataset, sweep.network, f"{sweep.bits}", f"{m}"]
        + [_spread(by_cut.get(cut)) for cut in cuts]
        + [f"{max(by_cut, key=lambda cut: by_cut[cut][1].psnr.mean)}"]
        for sweep in sweeps
        for m, by_cut in sweep.by_m.items()
    ]
    columns = ("data", "prior", "bits", "m", *(f"cut {cut}" for cut in cuts), "best cut")
    title = "Generator Surgery: how many blocks to cut"
    notes = [f"{SPREAD} {_sweep_images(sweeps)}"]
    return [Table("gs-cuts", title, columns, rows, notes)] if rows else []


def _sweep_images(sweeps: Sequence[CutSweep]) -> str:
    parts = dict.fromkeys(
        f"{sweep.dataset}, {comparison.part}"
        for sweep in sweeps
        for by_cut in sweep.by_m.values()
        for comparison, _ in by_cut.values()
    )
    return f"Images: {'; '.join(parts)}."


def operator_tables(comparisons: Sequence[Comparison]) -> Sequence[Table]:
    """Return PSNR of inpainting and of super-resolution, by method."""
    titles = {MASK: "Inpainting of random values", SUPERRES: "Super-resolution"}
    return [
        Table(f"gs-{experiment}", title, _OPERATOR_COLUMNS, rows, [SPREAD])
        for experiment, title in titles.items()
        if (rows := [_operator_row(found) for found in found_in(comparisons, experiment)])
    ]


_OPERATOR_COLUMNS = ("data", "prior", "bits", "method", "A", "m/n", "images", "PSNR, dB")


def _operator_row(found: Found) -> Sequence[str]:
    comparison, trial = found
    return [
        comparison.dataset,
        trial.network or NONE,
        NONE if trial.bits is None else f"{trial.bits}",
        method_label(trial.method, trial.cut),
        trial.operator,
        f"{trial.measurements / trial.pixels:.3f}",
        f"{trial.images}",
        _spread(found),
    ]


def _spread(found: Found | None) -> str:
    if found is None:
        return NONE
    trial: Trial = found[1]
    return f"{trial.psnr.mean:.2f} ± {trial.psnr.deviation:.2f}"
