"""Which trials answer which question."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from bitprior_export.report.results import FLOAT_BITS
from bitprior_export.report.surgery.comparison import (
    GAUSSIAN,
    GS,
    METHODS,
    NO_GS,
    OWN_SAMPLES,
    Comparison,
    Trial,
)

Found: TypeAlias = tuple[Comparison, Trial]


@dataclass(frozen=True, eq=False)
class Line:
    """One method with one prior and cut, over m.

    Attributes:
        dataset: Data set of the images.
        method: One of METHODS.
        network: The prior's network; None: no prior.
        bits: Bit width of its weights.
        cut: Blocks cut away.
        points: What was found, by m.
    """

    dataset: str
    method: str
    network: str | None
    bits: int | None
    cut: int | None
    points: Mapping[int, Found]

    @property
    def label(self) -> str:
        """The method, as reports call it."""
        return method_label(self.method, self.cut)


def labels(chosen: Sequence[Line]) -> Sequence[str]:
    """Return the label of each line, with its images where they are fewer than of others."""
    counts = [min(trial.images for _, trial in line.points.values()) for line in chosen]
    most = max(counts, default=0)
    return [
        line.label if count == most else f"{line.label}, {count} images"
        for line, count in zip(chosen, counts, strict=True)
    ]


def method_label(method: str, cut: int | None) -> str:
    """Return what a method is called in tables and figures."""
    if method == NO_GS:
        return "no GS (CSGM)"
    return f"GS, cut {cut}" if method == GS and cut is not None else method


def found_in(comparisons: Sequence[Comparison], experiment: str) -> Iterator[Found]:
    """Yield what an experiment found: of most images first, then by name."""
    for comparison in sorted(comparisons, key=lambda each: each.name):
        if comparison.experiment == experiment:
            yield from sorted(
                ((comparison, trial) for trial in comparison.trials),
                key=lambda found: -found[1].images,
            )


def lines(comparisons: Sequence[Comparison]) -> Sequence[Line]:
    """Return PSNR over m of Gaussian measurements, for each data set, prior and method one line.

    Of several cuts or starts that is the one of most m, then of most images.
    """
    points: dict[tuple[object, ...], dict[int, Found]] = {}
    for found in found_in(comparisons, GAUSSIAN):
        comparison, trial = found
        if comparison.dataset == OWN_SAMPLES:
            continue
        what = (comparison.dataset, trial.network, trial.bits, trial.method)
        of_method = points.setdefault((*what, trial.cut, trial.init), {})
        held = of_method.get(trial.measurements)
        if held is None or held[1].images < trial.images:
            of_method[trial.measurements] = found
    best: dict[tuple[object, ...], dict[int, Found]] = {}
    for key, of_method in points.items():
        if key[:4] not in best or _weight(of_method) > _weight(best[key[:4]]):
            best[key[:4]] = of_method
    return sorted(map(_line, best.values()), key=_order)


def _weight(points: Mapping[int, Found]) -> tuple[int, int]:
    return len(points), sum(trial.images for _, trial in points.values())


def _line(points: Mapping[int, Found]) -> Line:
    comparison, trial = next(iter(points.values()))
    return Line(
        comparison.dataset,
        trial.method,
        trial.network,
        trial.bits,
        trial.cut,
        dict(sorted(points.items())),
    )


def _order(line: Line) -> tuple[str, str, int, int]:
    return line.dataset, line.network or "", METHODS.index(line.method), -(line.bits or 0)


def float_lines(found: Sequence[Line]) -> Sequence[Line]:
    """Return the lines of 32-bit priors and of methods without one."""
    return [line for line in found if line.bits in (None, FLOAT_BITS)]


def networks(found: Sequence[Line]) -> Sequence[tuple[str, str]]:
    """Return (data set, network) of all lines with a prior, each once."""
    return list(dict.fromkeys((line.dataset, line.network) for line in found if line.network))


def beside(found: Sequence[Line], dataset: str, network: str) -> Mapping[str, Line]:
    """Return the lines of a data set by method: those of a network and those without one."""
    return {
        line.method: line
        for line in found
        if line.dataset == dataset and line.network in (network, None)
    }
