"""All ways in which patterns and readings may belong together, each with its explained share.

Every way says of each reading which pattern it saw, and with which sign: that of the negative of a
pair is -1, since (1 - h) / 2 is half of -h and what the offset takes. So all ways are judged by the
same readings as they came, whatever pairs are subtracted later, and their evidence compares.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.camera.camera_file import Camera
from bitprior_runtime.camera.candidates import Candidate, lags_of, pairs_of, patterns_of
from bitprior_runtime.camera.detector import Detector
from bitprior_runtime.camera.evidence import explained_share, kernel_of
from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing.covariance import Covariance
from bitprior_runtime.sensing.operator import Operator

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
# Which pattern each reading saw, -1 for none, and its sign, [N] each, by pairing and lag.
Places = dict[tuple[str, int], tuple[Indices, Floats]]

# Nats by which another way has to be better than the one as written.
MARGIN = 10.0
# Readings that all ways are judged by, those in question, and those of weak signals.
_FEW, _ENOUGH, _MANY = 192, 512, 1024
_FINALISTS = 8
_SAME = 0.5  # nats: the same but for rounding to float32
_EQUAL = 3.0  # nats: ways of so little difference are as good
_WEAK = 30.0  # nats: below, more readings are looked at
_LEAST = 16
_RUN = 32  # readings in a row: their patterns at all lags are few more
_DRIFT = 4  # order of its polynomial
# Families whose readings belong to patterns in another order: tried with every lag.
_REORDERED = ("as written", "order", "sign")


@dataclass(frozen=True, eq=False)
class Way:
    """One way.

    Attributes:
        candidate: The patterns.
        pairs: How readings are paired.
        lag: Readings too many at the start.
        evidence: In nats over noise alone.
        readings: How many it was judged by.
    """

    candidate: Candidate
    pairs: str
    lag: int
    evidence: float
    readings: int

    @property
    def share(self) -> float:
        """Share of the variance that is explained, see :mod:`bitprior_runtime.camera.evidence`."""
        return explained_share(self.evidence, self.readings)

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells it from others."""
        return self.candidate.name, self.pairs, self.lag


@dataclass(frozen=True, eq=False)
class Ways:
    """All ways that were tried.

    Attributes:
        all: Each of them.
        written: The one as written.
        best: The one of most evidence, or the one as written if none is better by 10 nats.
        looked_at: Readings they were judged by.
        equal: Names of other patterns that explain as much as the best.
    """

    all: tuple[Way, ...]
    written: Way
    best: Way
    looked_at: int
    equal: tuple[str, ...] = ()


def compare_ways(
    camera: Camera,
    detector: Detector,
    values: Floats,
    covariance: Covariance,
    order: NDArray[np.int64] | None = None,
    seed: int = 0,
) -> Ways:
    """Judge orders, signs and shapes of the patterns with every pairing and lag.

    All ways are judged by 192 readings; the 8 best, all lags of the best and the one as written by
    512, or 1,024 where these say little.

    Args:
        camera: As written.
        detector: As written, less the readings that are odd by themselves.
        values: Readings as they came, [N].
        covariance: C.
        order: Numbers of the patterns in the order of the readings; None: the operator's own.
        seed: Of the readings that are looked at, where there are many.

    Raises:
        UsageError: Too few readings with a pattern to say anything.
    """
    patterns = camera.build(order).size
    pairings = pairs_of(detector, len(values), patterns)
    lags = lags_of(patterns)
    lags = lags if detector.lag in lags else (*lags, detector.lag)
    if detector.pairs not in pairings:
        detector = replace(detector, pairs=pairings[0])
    places = {
        (p, lag): _places(replace(detector, pairs=p, lag=lag), len(values), patterns)
        for p in pairings
        for lag in lags
    }
    good = detector.usable(values)
    common = _common(good, places)
    if len(common) < _LEAST:
        written = detector.pairs, detector.lag
        places = {written: places[written]}
        common = _common(good, places)
    if len(common) < _LEAST:
        found = f"{len(common)} of {len(values)} readings with one of {patterns} patterns"
        raise UsageError(f"at least {_LEAST} readings", found, "look at lag and leave_out")
    judge = _Judge(camera, order, values, covariance, seed)
    ways: list[Way] = []
    for most in (_ENOUGH, _MANY):
        which = _in_runs(common, most, seed)
        ways = judge.all(places, which, (detector.pairs, detector.lag))
        if max(way.evidence for way in ways) >= _WEAK or len(common) <= most:
            break
    as_written = next(w for w in ways if _is_written(w, (detector.pairs, detector.lag)))
    most_evidence = max(way.evidence for way in _compared(ways))
    best = as_written
    if most_evidence >= as_written.evidence + MARGIN:
        # Of those that are as good, the one that changes least.
        equal = [w for w in _compared(ways) if w.evidence >= most_evidence - _EQUAL]
        best = min(equal, key=lambda way: (_changes(way, as_written), -way.evidence))
    same = [w for w in _compared(ways) if abs(w.evidence - best.evidence) < _SAME]
    names = tuple(dict.fromkeys(w.candidate.name for w in same if w.key[1:] == best.key[1:]))
    others = tuple(name for name in names if name != best.candidate.name)
    return Ways(tuple(ways), as_written, best, as_written.readings, others)


class _Judge:
    """Judges ways by some of the readings.

    Args:
        camera: As written.
        order: Of the patterns.
        values: Readings, [N].
        covariance: C.
        seed: Of the readings that are looked at.
    """

    def __init__(
        self,
        camera: Camera,
        order: NDArray[np.int64] | None,
        values: Floats,
        covariance: Covariance,
        seed: int,
    ) -> None:
        self._values, self._covariance, self._seed = values, covariance, seed
        self._made = [
            (candidate, operator)
            for candidate in patterns_of(camera)
            if (operator := _made(candidate, order)) is not None
        ]

    def all(self, places: Places, which: Indices, written: tuple[str, int]) -> list[Way]:
        """Return all ways, those in question judged by all the readings that are given."""
        few = _in_runs(which, _FEW, self._seed)
        ways: list[Way] = []
        for candidate, operator in self._made:
            if candidate.family in _REORDERED:
                ways += self._some(candidate, operator, places, few)
        first = max(ways, key=lambda way: way.evidence)
        asked = sorted(ways, key=lambda way: -way.evidence)[:_FINALISTS]
        asked += [w for w in ways if w.key[:2] == first.key[:2] or _is_written(w, written)]
        judged: dict[tuple[str, str, int], Way] = {way.key: way for way in ways}
        for candidate, operator in self._made:
            keys = {(w.pairs, w.lag) for w in asked if w.candidate.name == candidate.name}
            if candidate.family not in _REORDERED:
                best = max(_compared(judged.values()), key=lambda way: way.evidence)
                keys = {(best.pairs, best.lag)}
            if keys:
                some = {key: places[key] for key in sorted(keys)}
                again = self._some(candidate, operator, some, which)
                judged.update({way.key: way for way in again})
        return list(judged.values())

    def _some(
        self, candidate: Candidate, operator: Operator, places: Places, which: Indices
    ) -> list[Way]:
        """Judge pairings and lags of some patterns."""
        seen = {key: (place[which], sign[which]) for key, (place, sign) in places.items()}
        union = np.unique(np.concatenate([place for place, _ in seen.values()]))
        kernel = kernel_of(operator, union, self._covariance)
        y, drift, ways = self._values[which], _slow(which), []
        for (pairs, lag), (place, sign) in seen.items():
            one = kernel.some(np.searchsorted(union, place)).signed(sign)
            raw = pairs != "differenced"
            evidence = one.roughly(y, raw, drift if raw else None)
            ways.append(Way(candidate, pairs, lag, evidence, len(y)))
        return ways


def _changes(way: Way, written: Way) -> int:
    return sum(a != b for a, b in zip(way.key, written.key, strict=True))


def _is_written(way: Way, written: tuple[str, int]) -> bool:
    return not way.candidate.key and (way.pairs, way.lag) == written


def _compared(ways: Iterable[Way]) -> list[Way]:
    """Return the ways that were judged by most readings: the evidence of these compares."""
    listed = list(ways)
    most = max(way.readings for way in listed)
    return [way for way in listed if way.readings == most]


def _places(detector: Detector, readings: int, patterns: int) -> tuple[Indices, Floats]:
    """Return which pattern each reading saw, -1 for none, and its sign, [N] each."""
    seen, sign = np.full(readings, -1), np.ones(readings)
    for part, numbers in enumerate(detector.readings_of(patterns)):
        inside = (numbers >= 0) & (numbers < readings)
        seen[numbers[inside]] = np.flatnonzero(inside)
        sign[numbers[inside]] = -1.0 if part else 1.0
    return seen, sign


def _common(good: NDArray[np.bool_], places: Places) -> Indices:
    """Return the good readings that saw a pattern in every way."""
    return np.flatnonzero(good & np.all([seen >= 0 for seen, _ in places.values()], axis=0))


def _made(candidate: Candidate, order: NDArray[np.int64] | None) -> Operator | None:
    try:
        return candidate.camera.build(order)
    except UsageError:
        if not candidate.key:
            raise
        return None


def _slow(which: Indices) -> Floats:
    """Return columns of a drift that readings as they came may have, [M, 4]."""
    time = 2.0 * (which - which[0]) / max(which[-1] - which[0], 1) - 1.0
    return np.asarray(np.polynomial.legendre.legvander(time, _DRIFT)[:, 1:], np.float64)


def _in_runs(common: Indices, most: int, seed: int) -> Indices:
    """Return at most so many readings, in runs of neighbours spread over all at random."""
    if len(common) <= most:
        return common
    runs = np.array_split(common, len(common) // _RUN)
    count = max(2, most // _RUN)
    # The first run is always one: the lowest patterns are where most cameras begin.
    rest = np.random.default_rng(seed).permutation(np.arange(1, len(runs)))[: count - 1]
    return np.sort(np.concatenate([runs[i] for i in (0, *rest.tolist())]))
