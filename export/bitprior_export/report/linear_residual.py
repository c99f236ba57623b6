"""The table of linear-residual priors: beside PCA of as many components, start and steps apart."""

from collections.abc import Sequence

from bitprior_export.report.results import FLOAT_BITS, Result, Row
from bitprior_export.report.table import NONE, Table

_COLUMNS = (
    *("data", "m", "bits of the weights", "PSNR, dB", "at z = y", "PCA, k = m", "above PCA"),
    *("below 32-bit", "SSIM", "generator, bytes", "ms", "training, s"),
)
_NOTE = (
    "The same test images and start for every row. PCA is fitted to the same training images and "
    "sees m of its own coefficients. z = y is where a recovery starts; its few gradient steps make "
    "the rest. A row of fewer bits goes on from one of more: its seconds come on top of those."
)


def linear_residual_table(results: Sequence[Result]) -> Sequence[Table]:
    """Return the table of all linear-residual priors; none if there are none."""
    found = [(result, row) for result in results for row in result.rows if row.is_linear_residual]
    found = [each for each in found if each[1].engine == "float"]
    found.sort(key=lambda each: (each[0].dataset, -each[1].measurements, -each[1].bits))
    if not found:
        return []
    wide = {
        (result.dataset, row.measurements): row for result, row in found if row.bits == FLOAT_BITS
    }
    rows = [
        _cells(result, row, wide.get((result.dataset, row.measurements))) for result, row in found
    ]
    stand_ins = sorted({f"{r.dataset}: trained on {r.stand_in}" for r, _ in found if r.stand_in})
    images = sorted({f"{r.dataset}, {r.part}" for r, _ in found})
    notes = [f"{_NOTE} {'; '.join([*images, *stand_ins])}."]
    title = "Linear-residual priors with learned linear sensing"
    return [Table("linear-residual", title, _COLUMNS, rows, notes)]


def _cells(result: Result, row: Row, wide: Row | None) -> list[str]:
    pca = [each for each in result.baselines if each.label == f"PCA, k = {row.measurements}"]
    best = pca[0].psnr.mean if pca else None
    return [
        result.dataset,
        str(row.measurements),
        row.widths or row.label,
        f"{row.psnr.mean:.2f} ± {row.psnr.half_width:.2f}",
        NONE if row.start_psnr is None else f"{row.start_psnr.mean:.2f}",
        NONE if best is None else f"{best:.2f}",
        NONE if best is None else f"{row.psnr.mean - best:+.2f}",
        NONE if wide is None else f"{wide.psnr.mean - row.psnr.mean:.2f}".replace("-0.00", "0.00"),
        f"{row.ssim.mean:.4f}",
        f"{row.generator_bytes:,}",
        f"{row.recovery_ms:.1f}",
        NONE if row.training_seconds is None else f"{row.training_seconds:.0f}",
    ]
