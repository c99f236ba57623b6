"""Which results answer which question."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from bitprior_export.report.results import FLOAT_BITS, LINEAR, Result, Row

# One prior in one evaluation.
Found: TypeAlias = tuple[Result, Row]
_FEW = 2


def main_results(results: Sequence[Result]) -> Sequence[Result]:
    """Return one result for each thing that was compared: the one of most priors, of lowest seed.

    What is compared are bit widths; data set, m, A, arithmetic and solver are alike. Sweeps of the
    sparsity and other seeds are left to tables of their own.
    """
    best: dict[tuple[object, ...], Result] = {}
    for result in results:
        key = _setting(result)
        if key not in best or _rank(result) < _rank(best[key]):
            best[key] = result
    return sorted(best.values(), key=lambda result: result.name)


def _setting(result: Result) -> tuple[object, ...]:
    row = result.rows[0]
    solver = row.solver.name, row.solver.variant
    what = row.measurements, row.sensing, row.sensing_bits
    return (result.dataset, *what, row.arithmetic, *solver)


def _rank(result: Result) -> tuple[int, int, str]:
    seed = result.rows[0].seed
    return -len(result.rows), -1 if seed is None else seed, result.name


def papers_rows(results: Sequence[Result]) -> Iterator[Found]:
    """Yield what was recovered as in the papers: in float32, by the plain proximal loop."""
    for result in results:
        for row in result.rows:
            papers = row.solver.papers and not row.is_linear_residual
            plain = row.engine == "float" and papers
            if plain and (row.sensing_bits == FLOAT_BITS or row.sensing in LINEAR):
                yield result, row


def papers_result(results: Sequence[Result], dataset: str) -> Result | None:
    """Return the main result of a data set that was recovered as in the papers."""
    chosen = [
        result
        for result in main_results(results)
        if result.dataset == dataset and any(True for _ in papers_rows([result]))
    ]
    return min(chosen, key=_rank, default=None)


def sweeps(results: Sequence[Result]) -> Mapping[tuple[str, int], Mapping[str, Mapping[int, Row]]]:
    """Return rows by (data set, m), system and s, where a system has at least two sparsities.

    A system's rows were trained for equally many steps: of several such sets, the largest counts.
    """
    found: dict[tuple[str, int], dict[str, dict[int | None, dict[int, Row]]]] = {}
    for result, row in papers_rows(sorted(results, key=_rank)):
        if row.solver.sparsity is None or _is_special(row):
            continue
        systems = found.setdefault((result.dataset, row.measurements), {})
        trained = systems.setdefault(row.system, {}).setdefault(row.training_steps, {})
        trained.setdefault(row.solver.sparsity, row)
    swept = {key: _swept(systems) for key, systems in sorted(found.items())}
    return {key: systems for key, systems in swept.items() if systems}


def _swept(
    systems: Mapping[str, Mapping[int | None, Mapping[int, Row]]],
) -> Mapping[str, Mapping[int, Row]]:
    largest = {system: max(trained.values(), key=len) for system, trained in systems.items()}
    return {system: rows for system, rows in largest.items() if len(rows) >= _FEW}


def by_seeds(
    results: Sequence[Result],
) -> Mapping[tuple[str, int, int, str, int], Sequence[Row]]:
    """Return rows by (data set, m, s, system, training steps) of at least two training seeds."""
    found: dict[tuple[str, int, int, str, int], dict[int, Row]] = {}
    for result, row in papers_rows(results):
        if row.seed is None or _is_special(row):
            continue
        setting = result.dataset, row.measurements, row.solver.sparsity or 0, row.system
        found.setdefault((*setting, row.training_steps or 0), {}).setdefault(row.seed, row)
    ordered = sorted(found.items(), key=lambda item: (item[0][:3], item[1][min(item[1])].bits))
    return {
        key: [rows[seed] for seed in sorted(rows)] for key, rows in ordered if len(rows) >= _FEW
    }


def special_sensing(results: Sequence[Result]) -> Sequence[Found]:
    """Return what was measured by fixed matrices, with or without signs."""
    return [(result, row) for result, row in papers_rows(results) if _is_special(row)]


def _is_special(row: Row) -> bool:
    return row.sensing in LINEAR or row.is_phase
