"""Gain and offset between A x and the readings: from a prediction, or before there is any."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.camera.detector import Corrected, Detector
from bitprior_runtime.camera.evidence import RATIOS, Kernel, kernel_of
from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing.covariance import Covariance
from bitprior_runtime.sensing.operator import Operator

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

MOST_PATTERNS = 512
_ALWAYS = 8


@dataclass(frozen=True)
class Scale:
    """y = gain A x + offset + noise.

    Attributes:
        gain: Units of y over those of A x, x in [0, 1].
        offset: In units of y.
        sigma: Standard deviation of the noise of a reading, in units of y.
        how: How they were found, in words.
    """

    gain: float
    offset: float
    sigma: float
    how: str


def fit_gain_offset(
    y: NDArray[Any],
    prediction: NDArray[Any],
    weights: NDArray[Any] | None = None,
    sign: str = "fixed",
    offset: bool = True,
) -> tuple[float, float]:
    """Return gain and offset of least weighted squares: y ~ gain * prediction + offset.

    The closed form of variable projection: with the weighted means taken off both,
    gain = <w p, y> / <w p, p>. With a fixed sign a gain that would be negative is 0, so that what
    does not fit is seen as not fitting. A prediction that is flat has gain 0.

    Args:
        y: Readings, [k].
        prediction: A x of the same, [k].
        weights: One over the variance of each, [k]; None: all alike.
        sign: ``fixed``: gain >= 0; ``free``: of either sign.
        offset: Whether there is one to be found; else it is 0.

    Raises:
        UsageError: Arrays of different lengths, or another word for sign.
    """
    values, seen = np.asarray(y, np.float64), np.asarray(prediction, np.float64)
    w = np.ones(values.shape) if weights is None else np.asarray(weights, np.float64)
    if values.ndim != 1 or not values.shape == seen.shape == w.shape:
        found = f"shapes {list(values.shape)}, {list(seen.shape)}, {list(w.shape)}"
        raise UsageError("readings, prediction and weights [k]", found, "give one of each")
    if sign not in ("fixed", "free"):
        raise UsageError("sign = fixed or free", f"{sign!r}", "use one of these")
    total = float(w.sum())
    level, mean = (float(w @ values) / total, float(w @ seen) / total) if offset else (0.0, 0.0)
    centred = seen - mean
    power = float(w @ (centred * centred))
    # Below what rounding leaves of a flat prediction.
    if power <= 1e-20 * max(float(w @ (seen * seen)), 1e-300):
        return 0.0, level
    gain = float(w @ (centred * (values - level))) / power
    if sign == "fixed":
        gain = max(gain, 0.0)
    return gain, level - gain * mean


def gain_by_likelihood(
    operator: Operator,
    corrected: Corrected,
    covariance: Covariance,
    detector: Detector,
    most: int = MOST_PATTERNS,
    seed: int = 0,
) -> Scale:
    """Return gain, offset and noise of greatest likelihood while the picture is unknown.

    Under the prior x ~ N(mean, C) of photos, y = gain A x + offset + noise has the mean
    gain A mean + offset and the covariance gain^2 A C A^T + sigma^2. Of each ratio
    sigma^2 / gain^2 on a grid, gain and offset have closed forms, and the best ratio is taken.
    A known gain, offset or noise is kept. It needs no more readings than pixels.

    Args:
        operator: A.
        corrected: Readings of it.
        covariance: Mean and C.
        detector: What is known of gain and offset, and whether the gain's sign is.
        most: Patterns that are looked at, drawn at random, besides the 8 that see most of a flat
            picture; time grows with the third power.
        seed: Of the draw.
    """
    which = drawn(operator, corrected.used, most, seed)
    kernel = kernel_of(operator, corrected.used[which], covariance)
    y = corrected.y[which]
    known = None if detector.gain is None else 1.0  # corrected is over the gain already
    found = _profiled(kernel, y, covariance.mean, not detector.offset_is_known, detector, known)
    how = f"likelihood of {len(which)} readings under the covariance of photos"
    sigma = found[2]
    if corrected.sigma is not None:
        sigma, how = float(np.sqrt(np.mean(corrected.sigma**2))), how + ", noise as given"
    return Scale(found[0], found[1], sigma, how)


def drawn(operator: Operator, used: Indices, most: int, seed: int) -> Indices:
    """Return places in ``used`` of patterns to look at, ascending: all, or ``most`` of them.

    The 8 patterns that differ most from others on a flat picture are always among them: the level
    of the scene is read from these alone where most patterns see nothing of it.
    """
    if len(used) <= most:
        return np.arange(len(used))
    flat = operator.forward(np.ones((1, 1, *operator.frame), np.float32))[0, used]
    telling = np.argsort(-np.abs(flat - np.median(flat)), kind="stable")[:_ALWAYS]
    rest = np.setdiff1d(np.arange(len(used)), telling)
    random = np.random.default_rng(seed).choice(rest, most - len(telling), replace=False)
    return np.sort(np.concatenate([telling, random]))


def _profiled(
    kernel: Kernel,
    y: Floats,
    mean: float,
    offset: bool,
    detector: Detector,
    known: float | None,
) -> tuple[float, float, float]:
    """Return gain, offset and noise of greatest likelihood.

    Per ratio, with R the precision less what the offset takes, a = y R y, c = y R s, s = A mean:
    the likelihood -M log|g| - (a / g^2 - 2 c / g) / 2 t has its maxima where
    M t g^2 + c g - a = 0, one of each sign.
    """
    values, vectors = kernel.spectrum
    flat = mean * kernel.flat
    ones = np.ones((len(y), 1 if offset else 0))
    x, s, r = vectors.T @ ones, vectors.T @ flat, vectors.T @ y
    best: tuple[float, float, float, float] | None = None
    for ratio in RATIOS:
        inverse = 1.0 / (values + ratio)
        gram = x.T @ (inverse[:, np.newaxis] * x)
        free = len(y) - x.shape[1]

        def product(one: Floats, two: Floats, w: Floats = inverse, g: Floats = gram) -> float:
            straight = float(one @ (w * two))
            if not x.shape[1]:
                return straight
            return straight - float((x.T @ (w * one)) @ np.linalg.solve(g, x.T @ (w * two)))

        a, c, d = product(r, r), product(r, s), product(s, s)
        volume = float(np.log(inverse).sum())
        volume -= float(np.linalg.slogdet(gram)[1]) if x.shape[1] else 0.0
        for gain in _gains(a, c, free * kernel.scale, detector.gain_sign, known):
            misfit = (a / gain**2 - 2 * c / gain + d) / kernel.scale
            likelihood = -free * np.log(abs(gain)) - 0.5 * misfit + 0.5 * volume
            if best is None or likelihood > best[0]:
                level = 0.0
                if x.shape[1]:
                    level = float(np.linalg.solve(gram, x.T @ (inverse * (r - gain * s)))[0])
                sigma = abs(gain) * float(np.sqrt(ratio * kernel.scale))
                best = (float(likelihood), gain, level, sigma)
    if best is None:
        raise UsageError("readings that vary", "all the same", "check the file of readings")
    return best[1:]


# Its square would vanish.
_NO_GAIN = 1e-100


def _gains(a: float, c: float, weight: float, sign: str, known: float | None) -> tuple[float, ...]:
    if known is not None:
        return (known,)
    if not weight > 0:  # an offset takes all that the readings could say
        return ()
    root = float(np.sqrt(c * c + 4 * weight * a))
    roots = ((-c + root) / (2 * weight), (-c - root) / (2 * weight))
    chosen = roots if sign == "free" else roots[:1]
    return tuple(gain for gain in chosen if abs(gain) > _NO_GAIN)
