"""How many blocks to cut: PSNR over c."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from bitprior_export.report.results import FLOAT_BITS
from bitprior_export.report.surgery.claims import ALWAYS, Case, Claim
from bitprior_export.report.surgery.comparison import CUTS, GS, NO_GS, Comparison
from bitprior_export.report.surgery.pairing import difference_of, problem_of
from bitprior_export.report.surgery.selection import Found, found_in


@dataclass(frozen=True, eq=False)
class CutSweep:
    """One prior, cut at several blocks.

    Attributes:
        dataset: Data set of the images.
        network: The prior's network.
        bits: Bit width of its weights.
        by_m: What was found, by m and c.
    """

    dataset: str
    network: str
    bits: int
    by_m: Mapping[int, Mapping[int, Found]]

    @property
    def cuts(self) -> Sequence[int]:
        """Every c of it."""
        return sorted({cut for by_cut in self.by_m.values() for cut in by_cut})

    def average(self) -> Mapping[int, Sequence[float]]:
        """Return PSNR of each image by c, averaged over every m that all cuts were run with."""
        shared = [by_cut for by_cut in self.by_m.values() if self._comparable(by_cut)]
        problems = {problem_of(found) for by_cut in shared for found in by_cut.values()}
        if not shared or len(problems) > 1:
            return {}
        return {
            cut: [
                mean(values)
                for values in zip(*(by_cut[cut][1].psnr.values for by_cut in shared), strict=False)
            ]
            for cut in self.cuts
        }

    def _comparable(self, by_cut: Mapping[int, Found]) -> bool:
        """Say whether all cuts were run, on the same measurements."""
        operators = {trial.operator for _, trial in by_cut.values()}
        return len(by_cut) == len(self.cuts) and len(operators) == 1


def cut_sweeps(comparisons: Sequence[Comparison]) -> Sequence[CutSweep]:
    """Return the sweeps of at least two cuts."""
    tree: dict[tuple[str, str, int], dict[int, dict[int, Found]]] = {}
    for found in found_in(comparisons, CUTS):
        comparison, trial = found
        cut = 0 if trial.method == NO_GS else trial.cut
        if trial.method not in (GS, NO_GS) or cut is None or trial.network is None:
            continue
        by_m = tree.setdefault((comparison.dataset, trial.network, trial.bits or FLOAT_BITS), {})
        by_m.setdefault(trial.measurements, {}).setdefault(cut, found)
    sweeps = [
        CutSweep(*key, {m: dict(sorted(by_m[m].items())) for m in sorted(by_m)})
        for key, by_m in sorted(tree.items(), key=lambda item: (item[0][:2], -item[0][2]))
    ]
    return [sweep for sweep in sweeps if len(sweep.cuts) > 1]


def too_many_cuts(comparisons: Sequence[Comparison]) -> Claim:
    """Return (6): the deepest cut is not the best one."""
    sweeps = [sweep for sweep in cut_sweeps(comparisons) if sweep.bits == FLOAT_BITS]
    return Claim(
        "(6)",
        "Too many cuts hurt: the deepest is below the best other one, on average over m",
        ALWAYS,
        list(_deepest(sweeps)),
    )


def _deepest(sweeps: Sequence[CutSweep]) -> Iterator[Case]:
    for sweep in sweeps:
        found = sweep.average()
        if not found:
            continue
        deepest = sweep.cuts[-1]
        best = max(sweep.cuts[:-1], key=lambda cut: mean(found[cut]))
        difference = difference_of(found[best], found[deepest])
        if difference is not None:
            where = f"cut {best} against {deepest}"
            yield Case(sweep.dataset, sweep.network, where, difference)
