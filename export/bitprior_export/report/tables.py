"""Tables of a report, as text: HTML and Markdown show the same ones."""

import statistics
from collections.abc import Mapping, Sequence

from bitprior_export.report.cameras.tables import camera_tables
from bitprior_export.report.findings import Findings
from bitprior_export.report.linear_residual import linear_residual_table
from bitprior_export.report.ordering import ordering_notes
from bitprior_export.report.paper import REFERENCE, SYSTEMS, TABLE_1
from bitprior_export.report.photo.tables import photo_rows_table, photo_tables
from bitprior_export.report.results import Mean, Result, Row
from bitprior_export.report.selection import (
    by_seeds,
    main_results,
    papers_result,
    special_sensing,
    sweeps,
)
from bitprior_export.report.surgery.provenance import runs_table
from bitprior_export.report.surgery.tables import surgery_tables
from bitprior_export.report.table import NONE, Table

NOT_TRAINED = "not trained"
UNPRINTED = (
    "The paper does not print m, s and its networks' sizes for this data set: gaps compare, "
    "absolute figures do not."
)

COSTS = "Ratio compares generators, ms is one recovery of one image, the fastest of 20."


def all_tables(findings: Findings) -> Sequence[Table]:
    """Return every table that the findings fill: photos, cameras, then the paper's."""
    results = findings.results
    found = [*photo_tables(findings.photos), *camera_tables(findings.cameras)]
    found += linear_residual_table(results)
    found += paper_tables(results)
    found += [width_table(result) for result in main_results(results)]
    found += [*sparsity_tables(results), *seed_table(results), *sensing_table(results)]
    found += surgery_tables(findings.comparisons, findings.priors)
    return [*found, *provenance_tables(findings)]


def provenance_tables(findings: Findings) -> Sequence[Table]:
    """Return how every row was run."""
    rows = [provenance_table(findings.results)] if findings.results else []
    return [*photo_rows_table(findings.photos), *rows, *runs_table(findings.comparisons)]


def commands(findings: Findings) -> Mapping[str, Sequence[str]]:
    """Return by result the commands in the order in which they are run, each once."""
    found = {
        result.name: [
            *dict.fromkeys(command for row in result.rows for command in row.made_by),
            result.command,
        ]
        for result in findings.results
    }
    found |= {each.name: [each.command] for each in findings.photos}
    found |= {each.name: [each.command] for each in findings.cameras}
    return found | {each.name: [each.command] for each in findings.comparisons}


def paper_tables(results: Sequence[Result]) -> Sequence[Table]:
    """Return Table 1 of the paper, a table a data set, with our figures beside the printed ones."""
    tables = []
    for dataset, printed in TABLE_1.items():
        result = papers_result(results, dataset)
        if result is None:
            continue
        ours = {row.system: row for row in result.rows}
        reference = ours.get(REFERENCE)
        rows = []
        for system in SYSTEMS:
            decibels, likeness = printed[system]
            row = ours.get(system)
            rows.append(
                [
                    system,
                    *_worth(row),
                    _below(row, reference),
                    f"{decibels:.2f}",
                    f"{likeness:.4f}",
                    f"{printed[REFERENCE][0] - decibels:.2f}",
                ]
            )
        columns = ("system", "PSNR, dB", "SSIM", "below 32-bit SDLSS, dB")
        printed_columns = ("paper: PSNR, dB", "paper: SSIM", "paper: below 32-bit SDLSS, dB")
        notes = [_conditions(result), UNPRINTED, *ordering_notes(result)]
        title = f"Table 1 of the paper, {dataset}"
        tables.append(Table(f"table-1-{dataset}", title, (*columns, *printed_columns), rows, notes))
    return tables


def _worth(row: Row | None) -> tuple[str, str]:
    """Return PSNR and SSIM, or why there are none."""
    if row is None:
        return NONE, NONE
    if row.is_untrained:
        return NOT_TRAINED, NONE
    return _mean(row.psnr, 2), f"{row.ssim.mean:.4f}"


def width_table(result: Result) -> Table:
    """Return what each prior of a result is worth and what it costs."""
    widest = result.widest
    columns = (
        *("prior", "PSNR, dB", "SSIM", f"below {widest.label}, dB", "generator, bytes", "ratio"),
        *("file, bytes", "ms"),
    )
    rows = [
        [
            row.system,
            NOT_TRAINED if row.is_untrained else _mean(row.psnr, 2),
            NONE if row.is_untrained else _mean(row.ssim, 4),
            _below(row, widest),
            f"{row.generator_bytes:,}",
            f"{widest.generator_bytes / row.generator_bytes:.1f}\N{MULTIPLICATION SIGN}",
            f"{row.bundle_bytes:,}",
            f"{row.recovery_ms:.1f}",
        ]
        for row in result.rows
    ]
    rows += [
        [each.label, _mean(each.psnr, 2), _mean(each.ssim, 4), "", "", "", "", ""]
        for each in result.baselines
    ]
    papers = not widest.is_linear_residual
    notes = [f"{_conditions(result)} {COSTS}", *(ordering_notes(result) if papers else ())]
    if any(row.busy for row in result.rows):
        notes.append("Other work ran on the machine: compare these times, do not quote them.")
    return Table(result.name, setting_title(result), columns, rows, notes)


def setting_title(result: Result) -> str:
    """Return what is the same for all priors of a result."""
    row = result.rows[0]
    title = f"{result.dataset}, m = {row.measurements}"
    if row.is_linear_residual:
        return f"{title}, linear-residual priors, engine {row.arithmetic}"
    if row.sensing == "cnn":
        title = f"{title}, paper's networks"
    if row.sensing in ("mlp", "cnn"):
        title += f", learned sensing ({row.sensing})"
    else:
        title += f", {row.sensing} sensing"
    return f"{title}, engine {row.arithmetic}"


def sparsity_tables(results: Sequence[Result]) -> Sequence[Table]:
    """Return PSNR and SSIM by sparsity, a table for each data set and m."""
    tables = []
    for (dataset, m), systems in sweeps(results).items():
        levels = sorted({s for rows in systems.values() for s in rows})
        rows = [
            [system, *(_pair(found.get(s)) for s in levels)] for system, found in systems.items()
        ]
        title = f"Sparsity of the latent, {dataset}, m = {m}"
        note = "PSNR in dB / SSIM; every prior was trained with the s it is tested with"
        note += f"{_trained([row for of in systems.values() for row in of.values()])}."
        columns = ("system", *(f"s = {s}" for s in levels))
        tables.append(Table(f"sparsity-{dataset}-m{m}", title, columns, rows, [note]))
    return tables


def _trained(rows: Sequence[Row]) -> str:
    steps = sorted({row.training_steps for row in rows if row.training_steps is not None})
    if not steps:
        return ""
    text = f", for {' or '.join(f'{each:,}' for each in steps)} steps"
    return text + (
        " after those of the run it went on from" if any(r.goes_on for r in rows) else ""
    )


def seed_table(results: Sequence[Result]) -> Sequence[Table]:
    """Return mean and spread over seeds of training, where there are several."""
    found = by_seeds(results)
    rows = []
    for (dataset, m, s, system, steps), of_seeds in found.items():
        decibels = [row.psnr.mean for row in of_seeds]
        rows.append(
            [
                f"{dataset}, m = {m}, s = {s}",
                system,
                _more(steps, of_seeds),
                ", ".join(str(row.seed) for row in of_seeds),
                f"{statistics.mean(decibels):.2f}",
                f"{statistics.stdev(decibels):.2f}",
                f"{min(decibels):.2f} to {max(decibels):.2f}",
                f"{statistics.mean(row.ssim.mean for row in of_seeds):.4f}",
            ]
        )
    columns = (
        "setting",
        "system",
        "training steps",
        "seeds",
        "PSNR, dB",
        "deviation",
        "range",
        "SSIM",
    )
    return [Table("seeds", "Seeds of training", columns, rows)] if rows else []


def _more(steps: int, rows: Sequence[Row]) -> str:
    if not steps:
        return NONE
    return f"{steps:,}" + (" after another run's" if any(row.goes_on for row in rows) else "")


def sensing_table(results: Sequence[Result]) -> Sequence[Table]:
    """Return fixed linear sensing and phase retrieval."""
    rows = []
    for result, row in special_sensing(results):
        share = NONE if row.success_rate is None else f"{row.success_rate:.1%}"
        rows.append(
            [
                row.sensing,
                result.dataset,
                row.system,
                str(row.measurements),
                _mean(row.psnr, 2),
                _mean(row.ssim, 4),
                share,
                str(row.restarts),
            ]
        )
    columns = ("sensing", "data", "system", "m", "PSNR, dB", "SSIM", "found", "restarts")
    note = (
        "Phase retrieval measures |Ax| or its square: each restart also starts at -z0, the lowest "
        "measurement loss wins, and only the metric resolves the sign. Found: PSNR of at least "
        "25 dB."
    )
    title = "Fixed matrices and phase retrieval"
    return [Table("sensing", title, columns, rows, [note])] if rows else []


def provenance_table(results: Sequence[Result]) -> Table:
    """Return for every row how it was run, on what, and by which version."""
    rows = [
        [
            result.name,
            row.bundle,
            f"{row.engine}/{row.kernel}"
            + ("" if row.activation_bits is None else f", {row.activation_bits} bits"),
            f"{row.solver.name}{' +' if row.solver.variant else ''}, {row.solver.steps} steps, "
            + ("dense" if row.solver.sparsity is None else f"s = {row.solver.sparsity}"),
            f"{NONE if row.seed is None else row.seed} / {result.seed}",
            row.machine,
            row.commit,
        ]
        for result in results
        for row in result.rows
    ]
    columns = ("result", "bundle", "engine/kernel", "solver", "seeds", "machine", "commit")
    note = "Seeds: of training / of the start latents. A solver with + has line search or momentum."
    return Table("rows", "How each row was run", columns, rows, [note])


def _conditions(result: Result) -> str:
    """Say on what images, and how, a result was found."""
    row = result.rows[0]
    text = f"{result.dataset}, {result.part} images"
    if result.resized != "no":
        text += f" ({result.resized})"
    if result.stand_in:
        text += f"; trained on the stand-in {result.stand_in}"
    restarts = "1 restart" if row.restarts == 1 else f"{row.restarts} restarts"
    sparsities = sorted({each.solver.sparsity for each in result.rows if each.solver.sparsity})
    text += (
        f"; m = {row.measurements}, s = {' or '.join(map(str, sparsities)) or 'dense'}, "
        f"{row.solver.name}, {row.solver.steps} steps, {restarts}, {row.engine}/{row.kernel}; "
        "± is half a 95 % interval over images"
    )
    return f"{text}."


def _mean(mean: Mean, digits: int) -> str:
    return f"{mean.mean:.{digits}f} ± {mean.half_width:.{digits}f}"


def _below(row: Row | None, reference: Row | None) -> str:
    if row is None or reference is None or row.is_untrained:
        return NONE
    return f"{reference.psnr.mean - row.psnr.mean:.2f}".replace("-0.00", "0.00")


def _pair(row: Row | None) -> str:
    return NONE if row is None else f"{row.psnr.mean:.2f} / {row.ssim.mean:.3f}"
