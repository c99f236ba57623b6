"""The demo's result on a terminal."""

from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from bitprior_export.report.flat import records
from bitprior_export.report.photo.flat import photo_records
from bitprior_export.report.photo.results import PhotoResult
from bitprior_train.demo.run import DemoResult


def print_result(result: DemoResult, folder: str) -> None:
    """Print the photo, the table of bit widths, and what to try next."""
    console = Console(highlight=False)
    if result.photo is not None:
        console.print(_photo_table(result.photo))
    console.print(_table(result))
    bundle = result.bundles[4]
    console.print(
        f"\nWrote {result.path} and {len(result.bundles)} bundles in {result.seconds:.0f} s.\n"
        "\nTry next:\n"
        f"  open {result.path}\n"
        f"  bitprior info {bundle}\n"
        f"  bitprior verify {bundle}\n"
        f"  bitprior recover {bundle} {folder}/measurements.npy --out recovered.png\n"
        "  and, with MNIST, the tutorial in the README: bitprior train mnist --bits 4 ...",
        soft_wrap=True,
    )


def _photo_table(photo: PhotoResult) -> Table:
    share = photo.rows[0].percent
    title = f"A photo recovered from measurements of {share} of its pixels' number"
    table = Table(title=title)
    for column in ("method", "PSNR, dB", "start, dB", "SSIM", "file, bytes", "ms"):
        first = column == "method"  # the one that is folded where the terminal is narrow
        table.add_column(column, justify="left" if first else "right", no_wrap=not first)
    for row in sorted(photo.rows, key=lambda row: row.prior is None):
        start = row.start_psnr
        prior = row.prior
        table.add_row(
            row.label if prior is None else f"{prior.bundle}, {row.label}",
            f"{row.psnr.mean:.2f}",
            "" if start is None else f"{start.mean:.2f}",
            f"{row.ssim.mean:.3f}",
            "" if prior is None else f"{prior.bundle_bytes:,}",
            f"{row.times[0].fastest:.0f}" if row.times else "",
            style="dim" if prior is None else None,
        )
    return table


def _table(result: DemoResult) -> Table:
    (found,) = result.report.findings.results
    table = Table(title=f"Held-out digits recovered, {len(found.rows)} bit widths")
    for column in ("prior", "PSNR, dB", "SSIM", "G, bytes", "ratio", "file, bytes", "ms"):
        table.add_column(column, justify="left" if column == "prior" else "right", no_wrap=True)
    for row in found.rows:
        table.add_row(
            row.label,
            f"{row.psnr.mean:.2f} ± {row.psnr.half_width:.2f}",
            f"{row.ssim.mean:.3f}",
            f"{row.generator_bytes:,}",
            f"{found.widest.generator_bytes / row.generator_bytes:.1f}x",
            f"{row.bundle_bytes:,}",
            f"{row.recovery_ms:.1f}",
        )
    for baseline in found.baselines:
        decibels, likeness = baseline.psnr.mean, baseline.ssim.mean
        table.add_row(baseline.label, f"{decibels:.2f}", f"{likeness:.3f}", style="dim")
    return table


def as_json(result: DemoResult) -> dict[str, Any]:
    """Return the figures of the demo, ready for JSON."""
    return {
        "report": str(result.path),
        "bundles": {str(bits): str(path) for bits, path in result.bundles.items()},
        "photo": [] if result.photo is None else list(photo_records([result.photo])),
        "rows": list(records(result.report.findings.results)),
        "baselines": [asdict(each) for each in result.report.findings.results[0].baselines],
        "facts": dict(result.report.facts),
        "seconds": result.seconds,
    }
