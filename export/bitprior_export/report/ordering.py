"""Whether more bits are better, as the paper finds: 1 < 2 < 3 <= 4 <= 32 bits."""

from collections.abc import Sequence
from itertools import pairwise
from math import hypot

from bitprior_export.report.results import Result


def ordering_notes(result: Result) -> Sequence[str]:
    """Name the neighbours in bit width whose PSNR are not in the paper's order.

    The interval of a difference takes the two means as independent; on the same images they are
    not, so the true one is narrower.
    """
    rows = sorted(
        (row for row in result.rows if not row.system.endswith("DCS")), key=lambda row: row.bits
    )
    if len({row.bits for row in rows}) < 2:
        return []
    notes = []
    for fewer, more in pairwise(rows):
        excess = fewer.psnr.mean - more.psnr.mean
        if excess > 0:
            width = hypot(fewer.psnr.half_width, more.psnr.half_width)
            sure = "more than" if excess > width else "within"
            notes.append(
                f"Not the paper's order: {fewer.system} is {excess:.2f} dB above {more.system}, "
                f"{sure} the interval of their difference (± {width:.2f} dB)."
            )
    return notes or ["More bits are better throughout, as in the paper."]
