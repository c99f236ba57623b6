"""Cells and notes that tables of Generator Surgery share."""

from collections.abc import Iterable

from bitprior_export.report.surgery.selection import Found
from bitprior_export.report.table import NONE

SPREAD = "PSNR in dB, mean ± one standard deviation over images."


def spread(found: Found | None) -> str:
    """Return PSNR as mean and standard deviation over images."""
    if found is None:
        return NONE
    quality = found[1].psnr
    return f"{quality.mean:.2f} ± {quality.deviation:.2f}"


def images_of(found: Iterable[Found]) -> str:
    """Say on what images this was found."""
    parts = dict.fromkeys(f"{each.dataset}, {each.part}" for each, _ in found)
    return f"Images: {'; '.join(parts)}."
