"""Tables of what was run: priors, variables, and how each method was run."""

from collections.abc import Mapping, Sequence

from bitprior_export.report.surgery.comparison import METHODS, Comparison, Trial
from bitprior_export.report.surgery.prior import Prior
from bitprior_export.report.surgery.published import OVERPARAMETRISATION, UNDERCOUNT
from bitprior_export.report.surgery.selection import Line, float_lines, lines, method_label
from bitprior_export.report.table import NONE, Table


def priors_table(priors: Sequence[Prior]) -> Sequence[Table]:
    """Return what was trained, and for how long."""
    rows = [
        [
            each.name,
            each.prior,
            f"{each.bits}",
            f"{each.filters}",
            f"{each.latent}",
            f"{each.parameters:,}",
            f"{each.steps:,}",
            f"{each.epochs:.1f}",
            each.dataset,
            each.init_from or NONE,
        ]
        for each in sorted(priors, key=lambda prior: (prior.prior, -prior.bits, prior.name))
    ]
    columns = ("run", "prior", "bits", "filters", "latent", "parameters", "steps", "epochs")
    note = "Epochs count passes over the training images; from: the run it went on from."
    title = "Priors that are cut"
    return [Table("gs-priors", title, (*columns, "data", "from"), rows, [note])] if rows else []


def variables_table(comparisons: Sequence[Comparison]) -> Sequence[Table]:
    """Return Table 1 of the paper: variables over n, ours beside the printed ones."""
    found = float_lines(lines(comparisons))
    ours: dict[tuple[str, int], dict[str, Trial]] = {}
    for line in found:
        for network, trial in _places(line, found):
            ours.setdefault((network, trial.pixels), {}).setdefault(line.method, trial)
    methods = [name for name in METHODS if any(name in by_method for by_method in ours.values())]
    rows = [
        [method_label(name, None), _printed(name)]
        + [_ratio(by_method.get(name)) for by_method in ours.values()]
        for name in methods
    ]
    columns = (
        "method",
        "paper: BEGAN, n = 49152",
        *(f"{network}, n = {n}" for network, n in ours),
    )
    title = "Table 1 of Generator Surgery: variables over n"
    return [Table("gs-variables", title, columns, rows, [UNDERCOUNT])] if rows else []


def _places(line: Line, found: Sequence[Line]) -> Sequence[tuple[str, Trial]]:
    """Return a line's network; for a method without one, all networks of its data set."""
    trial = next(iter(line.points.values()))[1]
    if line.network:
        return [(line.network, trial)]
    others = [each.network for each in found if each.network and each.dataset == line.dataset]
    return [(network, trial) for network in dict.fromkeys(others)]


def _printed(method: str) -> str:
    value = OVERPARAMETRISATION.get(method)
    return NONE if value is None else f"{value:g}"


def _ratio(trial: Trial | None) -> str:
    return NONE if trial is None else f"{trial.variables / trial.pixels:.3f}"


def runs_table(comparisons: Sequence[Comparison]) -> Sequence[Table]:
    """Return for every method of every comparison how it was run, on what, and for how long."""
    rows = []
    for comparison in sorted(comparisons, key=lambda each: each.name):
        for several in _alike(comparison).values():
            trial = several[0]
            rows.append(
                [
                    comparison.name,
                    method_label(trial.method, trial.cut),
                    trial.prior_run or NONE,
                    trial.init or NONE,
                    ", ".join(dict.fromkeys(f"{each.measurements}" for each in several)),
                    f"{trial.images}",
                    f"{trial.restarts}",
                    f"{comparison.seed}",
                    f"{sum(each.seconds for each in several):,.0f}",
                    ", ".join(f"{name} {value}" for name, value in trial.settings.items()),
                    comparison.machine,
                    comparison.commit,
                ]
            )
    columns = ("result", "method", "run", "start", "m", "images", "restarts", "seed", "seconds")
    last = ("settings", "machine", "commit")
    title = "How each method of Generator Surgery was run"
    return [Table("gs-rows", title, (*columns, *last), rows)] if rows else []


def _alike(comparison: Comparison) -> Mapping[tuple[object, ...], Sequence[Trial]]:
    """Return trials that differ in the operator only, together."""
    groups: dict[tuple[object, ...], list[Trial]] = {}
    for trial in comparison.trials:
        settings = tuple(trial.settings.items())
        what = (trial.method, trial.prior_run, trial.network, trial.bits, trial.cut, trial.init)
        groups.setdefault((*what, trial.images, trial.restarts, settings), []).append(trial)
    return groups
