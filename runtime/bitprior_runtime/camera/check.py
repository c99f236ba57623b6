"""How readings and patterns belong together, looked at before any recovery.

Every way is judged by the explained share of :mod:`bitprior_runtime.camera.evidence`: how well the
readings predict each other if that way is right. No picture and no reference is used.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.camera.camera_file import Camera
from bitprior_runtime.camera.candidates import views_of
from bitprior_runtime.camera.detector import Corrected, Detector
from bitprior_runtime.camera.evidence import Explained, kernel_of
from bitprior_runtime.camera.outlying import Outlying, outlying_readings
from bitprior_runtime.camera.polarity import Polarity, polarity_of
from bitprior_runtime.camera.readings import Readings
from bitprior_runtime.camera.scale import Scale, drawn, gain_by_likelihood
from bitprior_runtime.camera.symptoms import Symptom, listed, symptoms_of
from bitprior_runtime.camera.ways import MARGIN, Way, Ways, compare_ways
from bitprior_runtime.sensing.covariance import Covariance
from bitprior_runtime.sensing.operator import Operator, named

Floats = NDArray[np.float64]

# Below this share, or these nats, patterns explain nothing.
NOTHING, _NO_EVIDENCE = 0.01, 6.0
_ENOUGH, _VIEWED = 512, 192
_MOST_LISTED = 64  # single readings that a fixed file leaves out by number
_DRIFTS = (
    {"drift": "none"},
    {"drift": "polynomial", "drift_order": 1},
    {"drift": "polynomial", "drift_order": 3},
    {"drift": "median", "drift_window": 101},
)


@dataclass(frozen=True)
class Tried:
    """One way in which readings and patterns may belong together.

    Attributes:
        family: ``lag``, ``pairs``, ``patterns``, ``view`` or ``drift``.
        name: What was tried.
        share: Held-out share of the variance that it explains.
        evidence: In nats over noise alone.
        written: Whether it is as written.
    """

    family: str
    name: str
    share: float
    evidence: float
    written: bool


@dataclass(frozen=True)
class Advice:
    """What is wrong, and what to change.

    Attributes:
        text: For people.
        key: The key of the camera file that ``--fix`` changes; empty: none.
    """

    text: str
    key: str = ""


@dataclass(eq=False)
class Check:
    """What readings say of a camera file.

    Attributes:
        camera: As written.
        fixed: As it should be.
        readings: How many there are.
        patterns: m.
        ways: All orders, shapes, signs, pairings and lags.
        tried: Drifts and views.
        written_share: Share that the file as written explains.
        share: Share that ``fixed`` explains.
        symptoms: What is odd about readings by themselves.
        polarity: What is known of the sign.
        outlying: Readings that the others contradict.
        corrected: The readings after ``fixed``.
        scale: Gain, offset and noise, after ``fixed``; None: nothing is explained.
        advice: What to change.
        notes: How readings came out of their file.
    """

    camera: Camera
    fixed: Camera
    readings: int
    patterns: int
    ways: Ways
    symptoms: tuple[Symptom, ...]
    corrected: Corrected
    notes: tuple[str, ...]
    share: float = 0.0
    polarity: Polarity = field(default_factory=lambda: Polarity(None, 0))
    outlying: Outlying = field(default_factory=lambda: Outlying((), (), ()))
    scale: Scale | None = None
    tried: list[Tried] = field(default_factory=list)
    advice: list[Advice] = field(default_factory=list)

    @property
    def written_share(self) -> float:
        """Share that the file as written explains."""
        return self.ways.written.share

    @property
    def explains(self) -> bool:
        """Whether the patterns explain the readings at all, in the best way that was found."""
        return self.scale is not None

    @property
    def best_as_written(self) -> bool:
        """Whether nothing is to be changed."""
        return self.explains and not any(advice.key for advice in self.advice)


def check_camera(
    camera: Camera, readings: Readings, covariance: Covariance, seed: int = 0
) -> Check:
    """Look at readings with a camera file.

    Args:
        camera: As written.
        readings: One row; its values are not changed.
        covariance: Of photos.
        seed: Of the patterns that are looked at, where there are many.

    Raises:
        MissingFileError: A file of the operator cannot be read.
        UsageError: An operator that does not serve, or too few readings.
    """
    values, order = readings.values, readings.order
    symptoms = symptoms_of(values, readings.table)
    quiet = _quieted(camera.detector, symptoms)
    ways = compare_ways(camera, quiet, values, covariance, order, seed)
    trimmed = replace(quiet, outliers="trimmed")
    if _is_nothing(ways) and not np.array_equal(trimmed.usable(values), quiet.usable(values)):
        # A few wild readings can hide all others.
        again = compare_ways(camera, trimmed, values, covariance, order, seed)
        if not _is_nothing(again):
            ways, quiet = again, trimmed
    fixed = replace(
        ways.best.candidate.camera,
        detector=replace(quiet, pairs=ways.best.pairs, lag=ways.best.lag),
    )
    operator = fixed.build(order)
    corrected = fixed.detector.corrected(values, operator.size)
    check = Check(
        camera, fixed, len(values), operator.size, ways, symptoms, corrected, readings.notes
    )
    check.advice += _of_symptoms(camera.detector, symptoms)
    if _is_nothing(ways):
        check.fixed = camera
        check.advice.append(Advice(_nothing(check)))
        return check
    if quiet.outliers != camera.detector.outliers:
        count = int(np.sum(camera.detector.usable(values) & ~quiet.usable(values)))
        text = f'outliers = "trimmed": {count} readings far from those near them hide all others'
        check.advice.append(Advice(text, "outliers"))
    check.advice += _of_way(camera, ways)
    _Finisher(check, operator, readings, covariance, seed).run()
    return check


class _Finisher:
    """Looks at drift, polarity, outliers and noise once it is known what belongs together."""

    def __init__(
        self,
        check: Check,
        operator: Operator,
        readings: Readings,
        covariance: Covariance,
        seed: int,
    ) -> None:
        self.check, self.operator, self.readings = check, operator, readings
        self.covariance, self.seed = covariance, seed
        which = drawn(operator, check.corrected.used, _ENOUGH, seed)
        self.patterns = check.corrected.used[which]
        self.kernel = kernel_of(operator, self.patterns, covariance)

    @property
    def _offset(self) -> bool:
        return not self.check.fixed.detector.offset_is_known

    def run(self) -> None:
        """Fill in what is not known yet."""
        found = self._drift()
        check = self.check
        check.share = found.share
        check.polarity = polarity_of(
            self.operator, self.patterns, self.kernel, self._values(check.fixed.detector),
            found.ratio, self.covariance, self._offset,
        )  # fmt: skip
        detector = check.fixed.detector
        if check.polarity.sign < 0:
            self._change(polarity=-detector.polarity)
            check.advice.append(Advice(
                f"polarity = {-detector.polarity}: more light gives a lower reading"
                if detector.polarity > 0 else "polarity = 1: more light gives a higher reading",
                "polarity",
            ))  # fmt: skip
        self._outliers()
        self._views()
        check.scale = gain_by_likelihood(
            self.operator, check.corrected, self.covariance, check.fixed.detector, _ENOUGH,
            self.seed,
        )  # fmt: skip

    def _values(self, detector: Detector) -> Floats:
        """Return what a detector makes of the readings of the patterns that are looked at."""
        y = np.full(self.operator.size, np.nan)
        corrected = detector.corrected(self.readings.values, self.operator.size)
        y[corrected.used] = corrected.y
        return np.asarray(y[self.patterns], np.float64)

    def _change(self, **keys: object) -> None:
        check = self.check
        detector = replace(check.fixed.detector, **keys)  # type: ignore[arg-type]
        check.fixed = replace(check.fixed, detector=detector)
        check.corrected = detector.corrected(self.readings.values, self.operator.size)

    def _drift(self) -> Explained:
        """Choose the drift that leaves the readings best explained."""
        check, detector = self.check, self.check.fixed.detector
        written = {"drift": detector.drift, "drift_order": detector.drift_order,
                   "drift_window": detector.drift_window}  # fmt: skip
        found = self.kernel.explained(self._values(detector), self._offset)
        best, chosen = found, written
        likelihood = _likelihood(found, self._values(detector))
        top = likelihood
        for option in _DRIFTS:
            keys = {**written, **option}
            if keys == written or (option["drift"] == detector.drift == "none"):
                continue
            other = replace(detector, **keys)  # type: ignore[arg-type]
            y = self._values(other)
            if not np.isfinite(y).all():
                continue
            seen = self.kernel.explained(y, self._offset)
            value = _likelihood(seen, y) - _freedom(other, check.readings, len(y))
            check.tried.append(
                Tried("drift", _drift_named(other), seen.share, value - likelihood, False)
            )
            if value > top + MARGIN:
                best, chosen, top = seen, keys, value
        if chosen != written:
            self._change(**chosen)
            text = f"drift: {_drift_named(check.fixed.detector)} explains "
            text += f"{100 * best.share:.1f} % instead of {100 * found.share:.1f} %"
            check.advice.append(Advice(text, "drift"))
        return best

    def _outliers(self) -> None:
        check = self.check
        zero = [s for s in check.symptoms if s.kind == "zero"]
        unread = len(zero[0].readings) if zero and zero[0].readings[-1] == check.readings - 1 else 0
        check.outlying = outlying_readings(
            self.operator, check.corrected, self.covariance, self._offset, unread, self.seed
        )
        start, far = check.outlying.start, check.outlying.patterns
        if start:
            numbers = self._readings_of(start)
            text = (
                f"the sequence ended {unread} readings early: frames came {unread} late, and "
                f"readings {listed(numbers)} are of the start: left out"
            )
            check.advice.append(Advice(text, "leave_out"))
            self._leave_out(numbers)
        if far:
            numbers = self._readings_of(far)
            text = f"{len(far)} readings that the others contradict by more than 6 deviations: "
            if len(far) <= _MOST_LISTED:
                text += f"{listed(numbers)}: left out"
                self._leave_out(numbers)
            else:
                text += 'outliers = "huber"'
                self._change(outliers="huber")
            check.advice.append(Advice(text, "leave_out"))

    def _readings_of(self, patterns: tuple[int, ...]) -> tuple[int, ...]:
        numbers = self.check.fixed.detector.readings_of(self.operator.size)[:, list(patterns)]
        return tuple(sorted(int(n) for n in numbers.ravel()))

    def _leave_out(self, numbers: tuple[int, ...]) -> None:
        known = self.check.fixed.detector.leave_out
        self._change(leave_out=tuple(sorted({*known, *numbers})))

    def _views(self) -> None:
        """Try mirrored and transposed patterns; what is symmetric for photos cannot be told."""
        check = self.check
        some = self.patterns[np.linspace(0, len(self.patterns) - 1, _VIEWED).astype(int)]
        some = np.unique(some)
        y = np.full(self.operator.size, np.nan)
        y[check.corrected.used] = check.corrected.y
        some = some[np.isfinite(y[some])]
        written = kernel_of(self.operator, some, self.covariance)
        least = written.roughly(y[some], self._offset)
        best, chosen = least + MARGIN, ""
        for candidate in views_of(check.fixed):
            kernel = kernel_of(candidate.camera.build(self.readings.order), some, self.covariance)
            value = kernel.roughly(y[some], self._offset)
            share = 1.0 - float(np.exp(-2.0 * value / len(some)))
            check.tried.append(Tried("view", candidate.name, share, value - least, False))
            if value > best:
                best, chosen = value, candidate.name
        if chosen:
            check.fixed = replace(check.fixed, view=chosen)
            check.advice.append(Advice(f'view = "{chosen}"', "view"))


def _is_nothing(ways: Ways) -> bool:
    return ways.best.share < NOTHING or ways.best.evidence < _NO_EVIDENCE


def _likelihood(found: Explained, y: Floats) -> float:
    """Return the log-likelihood of readings, up to a constant that is the same for all drifts."""
    spread = float(np.sum((y - y.mean()) ** 2)) / len(y)
    return found.evidence - 0.5 * len(y) * float(np.log(max(spread, 1e-300)))


def _freedom(detector: Detector, readings: int, looked_at: int) -> float:
    """Return the nats that subtracting a drift from noise gains by itself."""
    freedom = {"none": 0.0, "polynomial": float(detector.drift_order),
               "median": 1.5 * readings / detector.drift_window}[detector.drift]  # fmt: skip
    return 0.5 * looked_at * freedom / readings


def _drift_named(detector: Detector) -> str:
    if detector.drift == "polynomial":
        return f"polynomial of order {detector.drift_order}"
    if detector.drift == "median":
        return f"running median of {detector.drift_window}"
    return "none"


def _quieted(detector: Detector, symptoms: tuple[Symptom, ...]) -> Detector:
    """Return the detector without the readings that say nothing by themselves."""
    out = set(detector.leave_out)
    for symptom in symptoms:
        if symptom.leave_out and symptom.kind not in ("missing", "saturated"):
            out.update(symptom.readings)
    return replace(
        detector, leave_out=tuple(sorted(out)), saturation=_saturation(detector, symptoms)
    )


def _saturation(detector: Detector, symptoms: tuple[Symptom, ...]) -> float | None:
    tops = [s.level for s in symptoms if s.kind == "saturated" and s.level is not None]
    return detector.saturation if detector.saturation is not None or not tops else tops[0]


def _of_symptoms(detector: Detector, symptoms: tuple[Symptom, ...]) -> list[Advice]:
    found = []
    for symptom in symptoms:
        known = set(symptom.readings) <= set(detector.leave_out)
        if symptom.kind == "saturated":
            if detector.saturation is None:
                found.append(
                    Advice(f"{symptom.text}: saturation = {symptom.level:g}", "saturation")
                )
        elif symptom.leave_out and symptom.kind != "missing" and not known:
            found.append(Advice(f"{symptom.text}: left out", "leave_out"))
    return found


def _of_way(camera: Camera, ways: Ways) -> list[Advice]:
    best, written = ways.best, ways.written
    if best is written:
        if best.pairs == camera.detector.pairs:
            return []
        return [Advice(f'pairs = "{best.pairs}"', "pairs")]
    more = f"explains {100 * best.share:.1f} % instead of {100 * written.share:.1f} %"
    found = []
    if best.lag != camera.detector.lag:
        found.append(Advice(f"lag = {best.lag}: {_lag_in_words(best)} {more}", "lag"))
    if best.pairs != camera.detector.pairs:
        found.append(Advice(f'pairs = "{best.pairs}": {more}', "pairs"))
    key = best.candidate.key
    if key == "frame":
        text = (
            f'frame = "{named(best.candidate.camera.frame)}" {more} (or its sides in the other '
            "order with transposed patterns: the readings cannot tell)"
        )
        found.append(Advice(text, key))
    elif key:
        text = f'operator = "{best.candidate.camera.operator}": {best.candidate.name} {more}'
        found.append(Advice(text, key))
    return found


def _or(ways: Ways) -> str:
    if not ways.equal:
        return ""
    return f" (or {', '.join(ways.equal)}, the picture transposed: the readings cannot tell)"


def _lag_in_words(way: Way) -> str:
    if way.lag == 0:
        return "the first reading belongs to the first pattern;"
    many = f"{abs(way.lag)} reading{'s' if abs(way.lag) > 1 else ''}"
    return f"{many} too {'many' if way.lag > 0 else 'few'} at the start;"


def _nothing(check: Check) -> str:
    most = 100 * max(way.share for way in check.ways.all)
    return (
        f"these patterns explain nothing of these readings: at most {most:.1f} % at any lag, pair "
        "order or order of patterns. They are other patterns (another seed, another size of "
        "macropixel, another file), or the readings carry no signal"
    )
