"""What a detector does between A x and the readings, and how its readings are corrected.

Readings come in the order of time. Pattern k of the operator belongs to reading k + lag, or to two
readings that are subtracted. What is corrected is y with

    y[k] = gain * (A x)[k] + offset + noise,

gain and offset known, or unknown and found later (:mod:`bitprior_runtime.camera.scale`). The
readings themselves are never changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.camera.drift import DRIFTS, drift_of
from bitprior_runtime.camera.robust import OUTLIERS, beyond, huber_weights
from bitprior_runtime.errors import UsageError

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

PAIRS = ("none", "interleaved", "halves", "differenced")
NOISES = ("estimated", "gaussian", "poisson", "poisson-gauss")
SIGNS = ("fixed", "free")
MOST_LAG = 8
_LARGEST = 1e60


@dataclass(frozen=True, eq=False)
class Corrected:
    """Readings that recovery can use.

    Attributes:
        y: One value for each pattern that is used, float64 [k].
        used: Which patterns these are, ascending, [k].
        sigma: Standard deviation of the noise of each, [k]; None: not known.
        left_out: How many readings were left out, by reason; reasons of none are not in it.
        patterns_without: How many patterns have no value, whatever the reason.
        notes: What was done, in words.
    """

    y: Floats
    used: Indices
    sigma: Floats | None
    left_out: Mapping[str, int]
    patterns_without: int
    notes: tuple[str, ...]

    def __str__(self) -> str:
        """Return the counts as one line."""
        parts = [f"{count} {reason}" for reason, count in self.left_out.items()]
        counted = "; left out: " + ", ".join(parts) if parts else "; none left out"
        lacking = f", {self.patterns_without} patterns without" if self.patterns_without else ""
        return f"{len(self.y)} patterns with a reading{lacking}{counted}"


@dataclass(frozen=True)
class Detector:
    """A detector with one value a reading.

    Attributes:
        pairs: ``none``: one reading a pattern. ``interleaved``: positive, negative, positive, ...
            ``halves``: all positives, then all negatives. ``differenced``: positive minus negative
            was taken already, one value a pattern.
        lag: Readings too many at the start, -8 to 8: pattern k belongs to reading k + lag.
            Negative: the first patterns have no reading.
        polarity: 1, or -1: more light on the pattern gives a lower reading.
        dark: What is read without light; subtracted, so it says something of the noise too.
        gain: Of y over A x; None: unknown.
        gain_sign: ``fixed``: an unknown gain is positive (after ``polarity``). ``free``: it may be
            of either sign.
        offset: Of y; None: unknown. Of pairs and differences it is 0 unless it is said.
        drift: ``none``, ``polynomial`` in time, or ``median``: a running median. What is
            subtracted has a median of 0, so that the offset stays. Only for readings that are
            alike (random patterns, or raw readings of pairs).
        drift_order: Of the polynomial, 1 to 8.
        drift_window: Readings in the running median, odd.
        saturation: Readings of at least this are left out; None: none are.
        leave_out: Numbers of readings, from 0, that are left out.
        outliers: ``none``; ``trimmed``: readings further than ``outlier_limit`` median absolute
            deviations (times 1.4826) from the running median are left out, only for readings
            that are alike; ``huber``: none is left out, residuals beyond the limit count less
            (:meth:`weights`).
        outlier_limit: In standard deviations.
        noise: ``estimated``, ``gaussian`` (``noise_sigma``), ``poisson`` (``photons``) or
            ``poisson-gauss`` (both).
        noise_sigma: Standard deviation of one reading, in the units of the readings.
        photons: Detected photons in one unit of a reading, so that the variance of a reading r
            (above dark) is r / photons.
    """

    pairs: str = "none"
    lag: int = 0
    polarity: int = 1
    dark: float = 0.0
    gain: float | None = None
    gain_sign: str = "fixed"
    offset: float | None = None
    drift: str = "none"
    drift_order: int = 1
    drift_window: int = 101
    saturation: float | None = None
    leave_out: tuple[int, ...] = field(default=())
    outliers: str = "none"
    outlier_limit: float = 6.0
    noise: str = "estimated"
    noise_sigma: float | None = None
    photons: float | None = None

    def __post_init__(self) -> None:
        check_detector(self)

    @property
    def readings_a_pattern(self) -> int:
        """1, or 2 of pairs that are not subtracted yet."""
        return 2 if self.pairs in ("interleaved", "halves") else 1

    @property
    def offset_is_known(self) -> bool:
        """Whether no offset is to be found: it is given, or cancels in a difference."""
        return self.offset is not None or self.pairs != "none"

    def readings_of(self, patterns: int) -> Indices:
        """Return the number of the reading of each pattern, or of both of a pair.

        Args:
            patterns: m of the operator.

        Returns:
            [1, m], or [2, m]: positives, negatives. Negative or too large: there is none.
        """
        k = np.arange(patterns) + 0
        if self.pairs == "interleaved":
            return np.stack([2 * k, 2 * k + 1]) + self.lag
        if self.pairs == "halves":
            return np.stack([k, k + patterns]) + self.lag
        return (k + self.lag)[np.newaxis]

    def corrected(self, readings: NDArray[Any], patterns: int) -> Corrected:
        """Return what the readings say of A x, pattern by pattern.

        Args:
            readings: In the order of time, [N], real; NaN: missing. They are not changed.
            patterns: m of the operator.

        Raises:
            UsageError: Not one row of real numbers, or no reading is left.
        """
        raw = check_readings(readings)
        wanted = self.readings_of(patterns)
        reasons = self._reasons(raw, wanted)
        good = reasons == 0
        values = raw - self.dark
        notes = self._notes()
        if self.drift != "none":
            order, window = self.drift_order, self.drift_window
            values = values - drift_of(values, good, self.drift, order, window)
        if self.outliers == "trimmed":
            far = beyond(values, good, self.drift_window, self.outlier_limit)
            reasons[far] = _REASONS.index("outliers")
            good = reasons == 0
        inside = (wanted >= 0) & (wanted < len(raw))
        where = np.where(inside, wanted, 0)
        used = np.flatnonzero((inside & good[where]).all(axis=0))
        if not used.size:
            found = f"none of {len(raw)} readings is left ({_listed(_counted(reasons))})"
            raise UsageError("readings that can be used", found, "look at lag, saturation, dark")
        parts = values[where[:, used]]
        y = parts[0] - parts[1] if len(parts) == 2 else parts[0]
        sigma = self._sigma(parts)
        if self.offset is not None:
            y = y - self.offset
        y = self.polarity * y
        if self.gain is not None:
            y = y / self.gain
            sigma = None if sigma is None else sigma / abs(self.gain)
        left = _counted(reasons)
        return Corrected(y, used, sigma, left, patterns - len(used), notes)

    def usable(self, readings: NDArray[Any]) -> NDArray[np.bool_]:
        """Return which readings are neither missing nor saturated, listed or trimmed, [N]."""
        raw = check_readings(readings)
        good: NDArray[np.bool_] = self._reasons(raw, np.arange(len(raw))[np.newaxis]) == 0
        if self.outliers == "trimmed":
            good &= ~beyond(raw, good, self.drift_window, self.outlier_limit)
        return good

    def weights(self, residual: NDArray[Any], sigma: NDArray[Any] | float) -> Floats:
        """Return the weight of each reading in a loss: Huber's beyond the limit, else 1 / sigma^2.

        Args:
            residual: y - gain A x - offset, [k].
            sigma: Standard deviation of the noise, of all or of each.
        """
        base = 1.0 / np.square(np.broadcast_to(np.asarray(sigma, np.float64), residual.shape))
        if self.outliers == "huber":
            base = base * huber_weights(residual * np.sqrt(base), self.outlier_limit)
        return np.asarray(base, np.float64)

    def _reasons(self, raw: Floats, wanted: Indices) -> NDArray[np.int8]:
        """Return why each reading is left out: its place in _REASONS, 0 for none."""
        reasons = np.zeros(len(raw), np.int8)
        paired = np.zeros(len(raw), bool)
        paired[wanted[(wanted >= 0) & (wanted < len(raw))]] = True
        reasons[~paired] = _REASONS.index("without a pattern")
        listed = [number for number in self.leave_out if number < len(raw)]
        reasons[listed] = _REASONS.index("listed in leave_out")
        if self.saturation is not None:
            with np.errstate(invalid="ignore"):
                reasons[raw >= self.saturation] = _REASONS.index("saturated")
        reasons[~np.isfinite(raw)] = _REASONS.index("missing (NaN or infinite)")
        return reasons

    def _sigma(self, parts: Floats) -> Floats | None:
        """Return the noise of y from the values above dark that it is made of, [1 or 2, k]."""
        if self.noise == "estimated":
            return None
        variance = np.zeros(parts.shape[1])
        if self.noise_sigma is not None and self.noise != "poisson":
            variance += len(parts) * self.noise_sigma**2
        if self.photons is not None and self.noise != "gaussian":
            light = np.maximum(np.abs(parts), 1 / self.photons)
            if self.pairs == "differenced":
                # Both parts of a pair together see all light: the largest difference is nearest.
                light = np.full_like(parts, np.abs(parts).max())
            variance += light.sum(axis=0) / self.photons
        return np.sqrt(variance)

    def _notes(self) -> tuple[str, ...]:
        found = []
        if self.dark:
            found.append(f"dark level {self.dark:g} subtracted")
        if self.drift == "median":
            found.append(f"running median over {self.drift_window} readings subtracted")
        if self.drift == "polynomial":
            found.append(f"polynomial of order {self.drift_order} in time subtracted")
        if self.outliers == "trimmed":
            found.append(f"outliers trimmed beyond {self.outlier_limit:g} MAD * 1.4826")
        if self.pairs in ("interleaved", "halves"):
            found.append(f"pairs subtracted ({self.pairs})")
        if self.noise.startswith("poisson") and self.pairs == "differenced":
            found.append("photons of a pair taken as those of the largest difference")
        return tuple(found)


_REASONS = (
    "",
    "without a pattern",
    "listed in leave_out",
    "saturated",
    "missing (NaN or infinite)",
    "outliers",
)


def _counted(reasons: NDArray[np.int8]) -> dict[str, int]:
    counts = np.bincount(reasons, minlength=len(_REASONS))
    return {name: int(counts[i]) for i, name in enumerate(_REASONS) if i and counts[i]}


def _listed(left: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in left.items())


def check_readings(readings: NDArray[Any]) -> Floats:
    """Return readings as a float64 copy, [N].

    Raises:
        UsageError: Complex, not numbers, more than one axis, or empty.
    """
    given = np.asarray(readings)
    if given.dtype.kind not in "fiub":
        todo = "give the part that was measured" if given.dtype.kind == "c" else "give numbers"
        raise UsageError("real readings [N]", f"dtype {given.dtype}", todo)
    if given.ndim != 1 or not given.size:
        found = f"shape {given.shape}"
        raise UsageError("one row of readings [N]", found, "choose one row: readings.row")
    return given.astype(np.float64)


def check_detector(detector: Detector) -> None:
    """Check every field of a detector.

    Raises:
        UsageError: A value of another type or out of its range.
    """
    _one_of("pairs", detector.pairs, PAIRS)
    _one_of("gain_sign", detector.gain_sign, SIGNS)
    _one_of("drift", detector.drift, DRIFTS)
    _one_of("outliers", detector.outliers, OUTLIERS)
    _one_of("noise", detector.noise, NOISES)
    _whole("lag", detector.lag, -MOST_LAG, MOST_LAG)
    _whole("drift_order", detector.drift_order, 1, 8)
    _whole("drift_window", detector.drift_window, 3, 10**6)
    if detector.polarity not in (1, -1) or isinstance(detector.polarity, bool):
        raise UsageError("polarity = 1 or -1", f"{detector.polarity!r}", "change it")
    if detector.drift_window % 2 == 0:
        found = f"{detector.drift_window}"
        raise UsageError("an odd drift_window", found, f"e.g. {detector.drift_window + 1}")
    for name in ("dark", "outlier_limit", "gain", "offset", "saturation", "noise_sigma", "photons"):
        _real(name, getattr(detector, name), name in ("outlier_limit", "noise_sigma", "photons"))
    if detector.gain == 0:
        raise UsageError("a gain other than 0", "0", 'write gain = "unknown"')
    listed = detector.leave_out
    whole = all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in listed)
    if not isinstance(listed, tuple) or not whole:
        found = f"{listed!r}"[:80]
        raise UsageError("leave_out: numbers of readings from 0", found, 'e.g. [0, "61-63"]')
    needed = {"gaussian": ("noise_sigma",), "poisson": ("photons",),
              "poisson-gauss": ("noise_sigma", "photons")}  # fmt: skip
    for name in needed.get(detector.noise, ()):
        if getattr(detector, name) is None:
            expected = f"{name} with noise = {detector.noise!r}"
            raise UsageError(expected, "none", f"give {name}, or noise = 'estimated'")


def detector_keys() -> tuple[str, ...]:
    """Return the names of a detector's fields."""
    return tuple(item.name for item in fields(Detector))


def _one_of(name: str, value: Any, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise UsageError(f"{name} = one of {', '.join(allowed)}", f"{value!r}", "use one of these")


def _whole(name: str, value: Any, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise UsageError(f"{name}, a whole number of {low} to {high}", f"{value!r}", "change it")


def _real(name: str, value: Any, positive: bool) -> None:
    if value is None and name not in ("dark", "outlier_limit"):
        return
    number = isinstance(value, int | float) and not isinstance(value, bool)
    # Squares and quotients of such numbers are finite.
    if not number or not abs(value) <= _LARGEST or (positive and not value >= 1 / _LARGEST):
        expected = f"{name}, a {'positive ' if positive else ''}number of at most {_LARGEST:g}"
        raise UsageError(expected, f"{value!r}"[:80], "change it")
