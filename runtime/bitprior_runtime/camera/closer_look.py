"""Drift, polarity, outliers, views and noise, once it is known which patterns the readings saw."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.camera.advice import Advice
from bitprior_runtime.camera.candidates import views_of
from bitprior_runtime.camera.detector import Detector
from bitprior_runtime.camera.evidence import Explained, explained_share, kernel_of
from bitprior_runtime.camera.findings import Check, Tried
from bitprior_runtime.camera.outlying import outlying_readings
from bitprior_runtime.camera.polarity import polarity_of
from bitprior_runtime.camera.readings import Readings
from bitprior_runtime.camera.scale import drawn, gain_by_likelihood
from bitprior_runtime.camera.symptoms import listed
from bitprior_runtime.camera.ways import MARGIN
from bitprior_runtime.sensing.covariance import Covariance
from bitprior_runtime.sensing.operator import Operator

Floats = NDArray[np.float64]

# Patterns that are looked at, and for views, which are only compared with each other.
_ENOUGH, _VIEWED = 512, 192
_MOST_LISTED = 64  # single readings that a fixed file leaves out by number
_DRIFTS = (
    {"drift": "none"},
    {"drift": "polynomial", "drift_order": 1},
    {"drift": "polynomial", "drift_order": 3},
    {"drift": "median", "drift_window": 101},
)


class CloserLook:
    """Fills in a check.

    Args:
        check: What is known; its ``fixed`` is brought up to date.
        operator: Of ``check.fixed``.
        readings: One row.
        covariance: Of photos.
        seed: Of the patterns that are looked at.
    """

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
            check.tried.append(Tried("drift", _drift_named(other), seen.share, value - likelihood))
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
            share = explained_share(value, len(some))
            check.tried.append(Tried("view", candidate.name, share, value - least))
            if value > best:
                best, chosen = value, candidate.name
        if chosen:
            check.fixed = replace(check.fixed, view=chosen)
            check.advice.append(Advice(f'view = "{chosen}"', "view"))


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
