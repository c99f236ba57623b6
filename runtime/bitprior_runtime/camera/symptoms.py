"""What can be seen in readings by themselves: saturated, missing, zero, repeated, at full scale."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

# What converters and pictures end at.
FULL_SCALES = (255, 1023, 4095, 16383, 65535)
# Of the median reading: what subtracting equal sums leaves of zero.
_ROUNDING = 1e-9
_SATURATED = 3  # readings at the largest value
_WHOLE_RUN = 4  # equal whole numbers in a row, before it is no chance


@dataclass(frozen=True)
class Symptom:
    """Something that is odd about some readings.

    Attributes:
        kind: ``saturated``, ``missing``, ``zero``, ``repeated`` or ``full-scale``.
        readings: Numbers of the readings.
        text: What it is, in words.
        leave_out: Whether these readings say nothing of the picture.
        level: Of saturated readings, where they end; else None.
    """

    kind: str
    readings: tuple[int, ...]
    text: str
    leave_out: bool
    level: float | None = None


def symptoms_of(values: Floats, table: NDArray[Any] | None = None) -> tuple[Symptom, ...]:
    """Return what is odd about readings.

    Args:
        values: One row of readings, [N].
        table: Rows of readings by the same patterns [R, N], where there are several.
    """
    found = [
        _missing(values),
        _saturated(values),
        _zero(values),
        _repeated(values),
        _full_scale(values, table),
    ]
    return tuple(symptom for symptom in found if symptom is not None)


def listed(readings: tuple[int, ...] | Indices, most: int = 8) -> str:
    """Return numbers of readings as text, e.g. ``3, 61-63``."""
    numbers = [int(n) for n in readings]
    parts, first = [], 0
    for i in range(1, len(numbers) + 1):
        if i == len(numbers) or numbers[i] != numbers[i - 1] + 1:
            low, high = numbers[first], numbers[i - 1]
            parts.append(f"{low}" if low == high else f"{low}-{high}")
            first = i
    return ", ".join(parts[:most]) + (", ..." if len(parts) > most else "")


def _missing(values: Floats) -> Symptom | None:
    places = np.flatnonzero(~np.isfinite(values))
    if not places.size:
        return None
    text = f"{places.size} missing (NaN or infinite): {listed(places)}"
    return Symptom("missing", tuple(places.tolist()), text, True)


def _saturated(values: Floats) -> Symptom | None:
    good = values[np.isfinite(values)]
    if not good.size or good.min() == good.max():
        return None
    top = float(good.max())
    places = np.flatnonzero(values == top)
    if len(places) < _SATURATED:
        return None
    text = f"{len(places)} readings at the largest value, {top:g}: {listed(places)}"
    return Symptom("saturated", tuple(places.tolist()), text, True, top)


def _whole(values: Floats) -> bool:
    good = values[np.isfinite(values)]
    return bool(good.size and (good == np.rint(good)).all())


def _zero(values: Floats) -> Symptom | None:
    """Zeros, but for rounding: any among readings with fractions, in runs among whole numbers."""
    size = np.abs(values[np.isfinite(values)])
    zero = np.abs(values) <= _ROUNDING * (float(np.median(size)) if size.size else 0.0)
    if _whole(values):
        zero = _runs(zero, _WHOLE_RUN)
    places = np.flatnonzero(zero)
    if not places.size:
        return None
    end = "" if places[-1] != len(values) - 1 else " (up to the end)"
    text = f"{places.size} are 0{end}, as of what was never measured: {listed(places)}"
    return Symptom("zero", tuple(places.tolist()), text, True)


def _repeated(values: Floats) -> Symptom | None:
    size = np.abs(values[np.isfinite(values)])
    floor = _ROUNDING * (float(np.median(size)) if size.size else 0.0)
    same = np.zeros(len(values), bool)
    same[1:] = (values[1:] == values[:-1]) & (np.abs(values[1:]) > floor)
    if _whole(values):
        same = _runs(same, _WHOLE_RUN - 1)
    places = np.flatnonzero(same)
    if not places.size:
        return None
    text = f"{places.size} exactly as the reading before: {listed(places)}"
    return Symptom("repeated", tuple(places.tolist()), text, False)


def _full_scale(values: Floats, table: NDArray[Any] | None) -> Symptom | None:
    """A largest reading that is a converter's end, or a whole number of them in every row."""
    magnitude = np.abs(np.where(np.isfinite(values), values, 0))
    order = np.argsort(-magnitude)
    top = float(magnitude[order[0]])
    if not _whole(values) or top <= 0:
        return None
    place = int(order[0])
    rows = _rows_at(table, len(values), place)
    for scale in FULL_SCALES[::-1]:
        if len(rows) > 2 and rows.all() and not (rows % scale).any():
            text = (
                f"reading {place} is a whole multiple of {scale} in all {len(rows)} rows "
                f"(here {top / scale:g} x {scale}): clipped or rescaled"
            )
            return Symptom("full-scale", (place,), text, True)
    for scale in FULL_SCALES[::-1]:
        if top == scale:
            text = f"reading {place} is {scale}, full scale of {scale.bit_length()} bits: clipped"
            return Symptom("full-scale", (place,), text, True)
    alone = len(order) > 1 and top > 1.5 * magnitude[order[1]]
    if top % FULL_SCALES[0] == 0 and alone:
        text = (
            f"reading {place}, the largest, is exactly {top / 255:g} x 255: clipped or rescaled, "
            "unless by chance (1 in 255)"
        )
        return Symptom("full-scale", (place,), text, True)
    return None


def _rows_at(table: NDArray[Any] | None, count: int, place: int) -> Floats:
    if table is None or table.ndim != 2 or table.shape[1] != count:
        return np.zeros(0)
    return table[:, place].astype(np.float64)


def _runs(marked: NDArray[np.bool_], least: int) -> NDArray[np.bool_]:
    """Return which marks are in runs of at least so many."""
    found = np.zeros(len(marked), bool)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], marked.astype(np.int8), [0]])))
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        found[begin:end] = end - begin >= least
    return found
