"""What a bit width costs a cut prior."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import mean

from bitprior_export.report.results import FLOAT_BITS
from bitprior_export.report.surgery.comparison import GS, Comparison
from bitprior_export.report.surgery.pairing import Difference, difference_of, paired
from bitprior_export.report.surgery.selection import Line, lines


def bit_lines(comparisons: Sequence[Comparison]) -> Mapping[str, Sequence[Line]]:
    """Return GS over m by data set, of networks that were run at two bit widths or more."""
    found = [line for line in lines(comparisons) if line.method == GS]
    widths: dict[tuple[str, str | None], list[Line]] = {}
    for line in found:
        widths.setdefault((line.dataset, line.network), []).append(line)
    by_dataset: dict[str, list[Line]] = {}
    for (dataset, _), several in widths.items():
        if len(several) > 1:
            by_dataset.setdefault(dataset, []).extend(several)
    return by_dataset


def below_float(chosen: Sequence[Line]) -> Iterator[str]:
    """Yield a sentence for each low width: how far it is from the 32-bit prior of its network."""
    whole = {line.network: line for line in chosen if line.bits == FLOAT_BITS}
    for line in chosen:
        reference = whole.get(line.network)
        if line is reference or reference is None:
            continue
        difference = _over_all_m(line, reference)
        if difference is not None:
            yield (
                f"{line.network}, {line.label}: {line.bits}-bit minus 32-bit is {difference} on "
                "average over all m (paired 95 % interval)."
            )


def _over_all_m(line: Line, reference: Line) -> Difference | None:
    """Return the paired difference of PSNR that is averaged over m for each image first."""
    shared = [
        m
        for m in line.points
        if m in reference.points and paired(line.points[m], reference.points[m]) is not None
    ]
    first, second = (
        [
            mean(values)
            for values in zip(*(each.points[m][1].psnr.values for m in shared), strict=False)
        ]
        for each in (line, reference)
    )
    return difference_of(first, second)
