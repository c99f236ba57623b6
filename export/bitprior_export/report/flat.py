"""A report as data: one record a row, as JSON or CSV."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from bitprior_export.report.findings import Findings
from bitprior_export.report.paper import TABLE_1
from bitprior_export.report.photo.flat import peer_records, photo_records
from bitprior_export.report.results import Result, Row
from bitprior_export.report.surgery.flat import comparison_records, prior_record
from bitprior_export.report.surgery.orderings import claims
from bitprior_export.report.surgery.published import OVERPARAMETRISATION
from bitprior_export.report.tables import commands

# A spreadsheet runs a cell that begins with one of these.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def records(results: Sequence[Result]) -> Sequence[Mapping[str, Any]]:
    """Return every row of every result with all of its figures, flat."""
    return [_record(result, row) for result in results for row in result.rows]


def render_json(findings: Findings) -> str:
    """Return rows, the papers' own tables, what their orderings are worth here, and commands."""
    document = {
        "rows": records(findings.results),
        "photos": photo_records(findings.photos),
        "photo_peers": peer_records() if findings.photos else [],
        "comparisons": comparison_records(findings.comparisons),
        "orderings": [
            {"ordering": each.number, "verdict": each.verdict, "sentence": each.sentence}
            for each in (claims(findings.comparisons) if findings.comparisons else ())
        ],
        "priors": [prior_record(prior) for prior in findings.priors],
        "paper": {
            dataset: {name: {"psnr": p, "ssim": s} for name, (p, s) in systems.items()}
            for dataset, systems in TABLE_1.items()
        },
        "paper_overparametrisation": OVERPARAMETRISATION,
        "commands": commands(findings),
    }
    return json.dumps(document, indent=1) + "\n"


def render_csv(findings: Findings) -> str:
    """Return the rows as CSV with a line of headings; a cell without a meaning there is empty."""
    rows = [
        *records(findings.results),
        *photo_records(findings.photos),
        *comparison_records(findings.comparisons),
    ]
    rows = rows or [prior_record(prior) for prior in findings.priors]
    file = io.StringIO()
    writer = csv.DictWriter(
        file, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows({name: _inert(value) for name, value in row.items()} for row in rows)
    return file.getvalue()


def _inert(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _record(result: Result, row: Row) -> Mapping[str, Any]:
    return {
        "result": result.name,
        "dataset": result.dataset,
        "trained_on": " ".join(result.trained_on),
        "part": result.part,
        "resized": result.resized,
        "bundle": row.bundle,
        "system": row.system,
        "bits": row.bits,
        "measurements": row.measurements,
        "sensing": row.sensing,
        "sensing_bits": row.sensing_bits,
        "seed": row.seed,
        "psnr": row.psnr.mean,
        "psnr_half_width": row.psnr.half_width,
        "ssim": row.ssim.mean,
        "ssim_half_width": row.ssim.half_width,
        "success_rate": row.success_rate,
        "generator_bytes": row.generator_bytes,
        "bundle_bytes": row.bundle_bytes,
        "recovery_ms": row.recovery_ms,
        "busy": row.busy,
        "solver": row.solver.name,
        "line_search_or_momentum": row.solver.variant,
        "steps": row.solver.steps,
        "sparsity": row.solver.sparsity,
        "projection": row.solver.projection,
        "restarts": row.restarts,
        "recovery_seed": result.seed,
        "engine": row.engine,
        "kernel": row.kernel,
        "activation_bits": row.activation_bits,
        "machine": row.machine,
        "commit": row.commit,
    }
