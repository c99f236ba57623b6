"""Tables of what cut, start and operator do, and of raw reconstruction."""

from collections.abc import Mapping, Sequence

from bitprior_export.report.surgery.cells import SPREAD, images_of, spread
from bitprior_export.report.surgery.comparison import MASK, SUPERRES, Comparison
from bitprior_export.report.surgery.initial import init_sets
from bitprior_export.report.surgery.representation import images_label, raw_found
from bitprior_export.report.surgery.selection import Found, found_in, method_label
from bitprior_export.report.surgery.sweep import cut_sweeps
from bitprior_export.report.table import NONE, Table


def raw_table(comparisons: Sequence[Comparison]) -> Sequence[Table]:
    """Return PSNR with A = I by method and images."""
    found = raw_found(comparisons)
    images = sorted(
        {each for methods in found.values() for by_images in methods.values() for each in by_images}
    )
    rows = [
        [
            method_label(method, next(iter(by_images.values()))[1].cut),
            network,
            *(spread(by_images.get(each)) for each in images),
        ]
        for network, methods in found.items()
        for method, by_images in methods.items()
    ]
    columns = ("method", "prior", *map(images_label, images))
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
        + [spread(each.by_init.get(init)) for init in inits]
        for each in sets
    ]
    columns = ("data", "prior", "m", *inits)
    title = "Generator Surgery: how latents start"
    found = [each for each_set in sets for each in each_set.by_init.values()]
    notes = [f"{SPREAD} {images_of(found)}"]
    return [Table("gs-inits", title, columns, rows, notes)] if rows else []


def cuts_table(comparisons: Sequence[Comparison]) -> Sequence[Table]:
    """Return PSNR by c and m."""
    sweeps = cut_sweeps(comparisons)
    cuts = sorted({cut for sweep in sweeps for cut in sweep.cuts})
    rows = [
        [sweep.dataset, sweep.network, f"{sweep.bits}", f"{m}"]
        + [spread(by_cut.get(cut)) for cut in cuts]
        + [f"{max(by_cut, key=lambda cut: by_cut[cut][1].psnr.mean)}"]
        for sweep in sweeps
        for m, by_cut in sweep.by_m.items()
    ]
    columns = ("data", "prior", "bits", "m", *(f"cut {cut}" for cut in cuts), "best cut")
    title = "Generator Surgery: how many blocks to cut"
    found = [each for sweep in sweeps for by_cut in sweep.by_m.values() for each in by_cut.values()]
    notes = [f"{SPREAD} {images_of(found)}"]
    return [Table("gs-cuts", title, columns, rows, notes)] if rows else []


def operator_tables(comparisons: Sequence[Comparison]) -> Mapping[str, Table]:
    """Return PSNR of inpainting and of super-resolution, by experiment."""
    tables = {}
    for experiment, title in _TITLES.items():
        found = list(found_in(comparisons, experiment))
        if found:
            rows = [_operator_row(each) for each in found]
            notes = [f"{SPREAD} {images_of(found)}"]
            tables[experiment] = Table(f"gs-{experiment}", title, _OPERATOR_COLUMNS, rows, notes)
    return tables


_TITLES = {MASK: "Inpainting of random values", SUPERRES: "Super-resolution"}
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
        spread(found),
    ]
