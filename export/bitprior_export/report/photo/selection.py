"""Which rows on photos stand in which table."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bitprior_export.report.photo.results import PhotoPrior, PhotoResult, PhotoRow

# What needs no prior, in the order of the tables' last rows.
PLAIN = ("linear MMSE", "PCA", "pseudo-inverse")


@dataclass(frozen=True)
class Sensed:
    """An operator with its noise: a column, or a row of a table.

    Attributes:
        operator: As text.
        noise: Share of the root mean square.
    """

    operator: str
    noise: float


@dataclass(frozen=True, eq=False)
class OfSet:
    """All rows of one set of photos.

    Attributes:
        dataset: The set.
        results: Where they come from.
        rows: By method's label, then by operator and noise.
        sensed: A row of each operator and noise, in the order of measurements.
    """

    dataset: str
    results: Sequence[PhotoResult]
    rows: Mapping[str, Mapping[Sensed, PhotoRow]]
    sensed: Mapping[Sensed, PhotoRow]

    @property
    def priors(self) -> Mapping[str, PhotoPrior]:
        """The priors by label."""
        found = {label: next(iter(rows.values())).prior for label, rows in self.rows.items()}
        return {label: prior for label, prior in found.items() if prior is not None}

    @property
    def main(self) -> Sequence[Sensed]:
        """Noise-free sensing with the published matrices; without these, all noise-free."""
        published = [key for key, row in self.sensed.items() if row.published]
        return published or [key for key in self.sensed if key.noise == 0]

    @property
    def others(self) -> Sequence[Sensed]:
        """All that is not in :attr:`main`."""
        main = set(self.main)
        return [key for key in self.sensed if key not in main]


def by_set(photos: Sequence[PhotoResult]) -> Sequence[OfSet]:
    """Return the rows of each set of photos, in the order of the sets' first results."""
    sets: dict[str, list[PhotoResult]] = {}
    for result in photos:
        sets.setdefault(result.dataset, []).append(result)
    return [_of_set(dataset, results) for dataset, results in sets.items()]


def _of_set(dataset: str, results: Sequence[PhotoResult]) -> OfSet:
    every = [row for result in results for row in result.rows]
    named = labels_of(every)
    rows: dict[str, dict[Sensed, PhotoRow]] = {}
    sensed: dict[Sensed, PhotoRow] = {}
    for row in sorted(every, key=lambda row: _place(row)):
        key = Sensed(row.operator, row.noise)
        rows.setdefault(named[_method(row)], {}).setdefault(key, row)
        sensed.setdefault(key, row)
    ordered = sorted(sensed, key=lambda key: (_kind(sensed[key]), key.noise, _ratio(sensed[key])))
    return OfSet(dataset, results, rows, {key: sensed[key] for key in ordered})


def labels_of(rows: Iterable[PhotoRow]) -> Mapping[tuple[str, str, str], str]:
    """Return what to call each method; priors of equal labels are told apart by their bundles."""
    plain = {_method(row): row.label for row in rows}
    labels = list(plain.values())
    return {
        method: label if labels.count(label) == 1 else f"{label}, {method[1]}"
        for method, label in plain.items()
    }


def _method(row: PhotoRow) -> tuple[str, str, str]:
    prior = row.prior
    return (row.method, "", "") if prior is None else (row.method, prior.bundle, prior.engine)


def _place(row: PhotoRow) -> tuple[int, bool, int, str]:
    prior = row.prior
    if prior is None:
        return len(PLAIN) if row.method not in PLAIN else PLAIN.index(row.method), True, 0, ""
    return -1, prior.engine != "float", -prior.bits, prior.bundle


def _kind(row: PhotoRow) -> tuple[bool, str]:
    return not row.published and row.matrix_file is None, row.operator_kind


def _ratio(row: PhotoRow) -> float:
    return row.m / row.n


def column_names(found: OfSet, sensed: Sequence[Sensed]) -> Sequence[str]:
    """Return short names of operators: their share of measurements, with their kind if need be."""
    rows = [found.sensed[key] for key in sensed]
    shares = [row.percent for row in rows]
    if len(set(shares)) == len(shares):
        return shares
    return [f"{row.percent}, {row.operator_kind}" for row in rows]
