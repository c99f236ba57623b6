"""How latents start: PSNR by initialisation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bitprior_export.report.surgery.comparison import INITS, Comparison
from bitprior_export.report.surgery.selection import Found, found_in, method_label


@dataclass(frozen=True, eq=False)
class InitSet:
    """One method and prior at one m, started in several ways.

    Attributes:
        dataset: Data set of the images.
        prior: Network, bit width and method.
        measurements: m.
        by_init: What was found, by how latents start.
    """

    dataset: str
    prior: str
    measurements: int
    by_init: Mapping[str, Found]


def init_sets(comparisons: Sequence[Comparison]) -> Sequence[InitSet]:
    """Return what was started in at least two ways."""
    tree: dict[tuple[str, str, int], dict[str, Found]] = {}
    for found in found_in(comparisons, INITS):
        comparison, trial = found
        if trial.network is None or trial.init is None:
            continue
        prior = f"{trial.network}, {trial.bits}-bit, {method_label(trial.method, trial.cut)}"
        key = (comparison.dataset, prior, trial.measurements)
        tree.setdefault(key, {}).setdefault(trial.init, found)
    return [InitSet(*key, by_init) for key, by_init in sorted(tree.items()) if len(by_init) > 1]
