"""From the readings of a camera to a picture: with a trained prior, or by a classical method.

Readings are corrected by the detector; what gain and offset they have is found by likelihood
(:mod:`bitprior_runtime.camera.scale`), so that they become y = A x + noise with x in [0, 1]. Noise
that is not alike for all readings becomes alike by weights. The level of the picture is one
measurement apart from all others; where the readings do not say it, as differences of complementary
patterns often do not, it is the mean of photos: a convention, not a measurement.
"""

import time
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.camera.calibration import read_calibration
from bitprior_runtime.camera.camera_file import Camera
from bitprior_runtime.camera.classical import METHODS, pseudo_inverse, total_variation
from bitprior_runtime.camera.detector import Corrected, Detector
from bitprior_runtime.camera.evidence import kernel_of
from bitprior_runtime.camera.nonnegative import nonnegative_tikhonov
from bitprior_runtime.camera.readings import Readings
from bitprior_runtime.camera.scale import Scale, drawn, fit_gain_offset, gain_by_likelihood
from bitprior_runtime.camera.turning import MIRRORED, mean_of, mirrored
from bitprior_runtime.camera.view import Viewed
from bitprior_runtime.errors import UsageError
from bitprior_runtime.model import Model
from bitprior_runtime.recovery import Recovery
from bitprior_runtime.sensing.composed import Rows, Weighted
from bitprior_runtime.sensing.covariance import Covariance
from bitprior_runtime.sensing.operator import FloatArray, Operator
from bitprior_runtime.sensing.projected import Projected
from bitprior_runtime.sensing.with_mean import WithMean
from bitprior_runtime.solvers import Progress
from bitprior_runtime.solvers.searching import Linear

PRIOR = "prior"
ALL_METHODS: Sequence[str] = (PRIOR, *METHODS)

# A sees the level if a flat picture gives this share of what one row as long as the others would.
_SEEN = 0.25
# Gain and offset are fitted anew to the picture, and the picture found anew with them.
_ROUNDS = 2
_SAME_GAIN = 0.02
# Noise below this share of what the readings say of a scene is not told from the readings.
_TOLD = 0.01
# Noise that is given the search is told louder than it is (noise that is estimated holds what does
# not fit as well), and white is above the brightest pixel of the linear
# estimate, which is too smooth for it. Both chosen on validation photos, also darkened ones
# (random bits and lowest sequencies, 15 x 12 and 32 x 32 pixels).
_LOUDER = 1.4
_WHITE = 1.5
# Frames of at most so many pixels are found from four sides; larger ones, for speed, from one.
_MIRRORED_PIXELS = 1024
# Patterns by which the readings are held against each other.
_LOOKED_AT = 256


@dataclass(frozen=True, eq=False)
class CameraProblem:
    """Readings as measurements of a picture with values in [0, 1].

    Attributes:
        operator: A of the readings that are used, whitened.
        y: Measurements, float32 [1, k].
        noise: Standard deviation of their noise.
        scale: What gain and offset were taken off.
        corrected: The readings that are used.
        level_known: Whether the readings say what the mean of the picture is.
        held_out: Share of the variance of readings that the others predict, 0 to 1: of patterns
            that do not belong to the readings about 0, however well a picture fits.
        linear: The linear estimate of the operator.
    """

    operator: Operator
    y: FloatArray
    noise: float
    scale: Scale
    corrected: Corrected
    level_known: bool
    held_out: float
    linear: Linear


@dataclass(frozen=True, eq=False)
class CameraRecovery:
    """A picture and how well it explains the readings.

    Attributes:
        image: float32 [1,1,H,W]; of the prior in [0, 1], of the others not clipped; corrected by
            the camera's calibration where it has one, which may leave [0, 1].
        method: One of :data:`ALL_METHODS`.
        scale: Gain, offset and noise of the readings, as fitted to the picture.
        corrected: The readings that were used, and what was left out.
        explained: Share of the variance of the used readings that gain * A x + offset explains.
        held_out: As of the problem.
        over_noise: Mean square of what is left, in variances of the noise; about 1 if the picture
            explains the readings, less where it also explains noise. None: the noise is not
            given, and too small to be told from the readings.
        seconds: Wall time.
        recovery: Of the prior; None of the other methods.
    """

    image: FloatArray
    method: str
    scale: Scale
    corrected: Corrected
    explained: float
    held_out: float
    over_noise: float | None
    seconds: float
    recovery: Recovery | None = None


class CameraRecoverer:
    """Recovers pictures of one camera.

    Args:
        model: A photo prior: one with a learned search and a covariance of photos.
        camera: Operator and detector.
        order: Numbers of the patterns in the order of the readings; None: the operator's own.
        engine: ``float``, ``integer`` or ``onnx``.
        kernel: As of :meth:`bitprior_runtime.model.Model.engine`.
        threads: As there.
        steps: Steps of the search; None: as trained.
        mirrors: Whether the prior finds the picture from four sides, mirrored, and the mean is
            taken: four times the work. None: of frames of at most 1,024 pixels.

    Raises:
        UsageError: A prior without a covariance of photos, or an operator that does not serve.
    """

    def __init__(
        self,
        model: Model,
        camera: Camera,
        order: NDArray[np.int64] | None = None,
        *,
        engine: str = "float",
        kernel: str = "auto",
        threads: int | None = None,
        steps: int | None = None,
        mirrors: bool | None = None,
    ) -> None:
        self.covariance = photo_covariance(model)
        self.camera, self._model = camera, model
        self._calibration = None
        if camera.calibration is not None:
            self._calibration = read_calibration(camera.folder / camera.calibration)
        self.operator = camera.build(order)
        pixels = self.operator.frame[0] * self.operator.frame[1]
        self._mirrors = pixels <= _MIRRORED_PIXELS if mirrors is None else mirrors
        self._options: dict[str, Any] = {
            "engine": engine, "kernel": kernel, "threads": threads, "steps": steps
        }  # fmt: skip

    def of(self, camera: Camera) -> "CameraRecoverer":
        """Return the recoverer of another camera with the same operator."""
        other = copy(self)
        other.camera, other._calibration = camera, None
        return other

    @property
    def wanted(self) -> tuple[int, int]:
        """How many readings there are of all patterns, without and with pairs."""
        return self.operator.size, 2 * self.operator.size

    def problem(self, readings: NDArray[Any], share: float = 1.0) -> CameraProblem:
        """Return the readings as measurements.

        Args:
            readings: In the order of time, [N]; they may be fewer than there are patterns.
            share: Of the patterns, the first ones, that are used: 0 to 1.

        Raises:
            UsageError: Readings that are none, or of which none is left.
        """
        count = patterns_of_share(share, self.operator.size)
        corrected = first_patterns(
            self.camera.detector.corrected(readings, self.operator.size), count
        )
        detector = self.camera.detector
        scale = gain_by_likelihood(self.operator, corrected, self.covariance, detector)
        which = drawn(self.operator, corrected.used, _LOOKED_AT, 0)
        kernel = kernel_of(self.operator, corrected.used[which], self.covariance)
        told = kernel.explained(corrected.y[which], not detector.offset_is_known)
        return self._scaled(corrected, scale, told.share)

    def recover(
        self,
        readings: NDArray[Any] | CameraProblem,
        method: str = PRIOR,
        *,
        share: float = 1.0,
        nonnegative: bool = False,
        progress: Progress | None = None,
    ) -> CameraRecovery:
        """Recover one picture.

        Args:
            readings: As of :meth:`problem`, or what that returned, for several methods.
            method: ``prior``, ``pseudo-inverse``, ``tikhonov`` or ``tv``.
            share: As of :meth:`problem`.
            nonnegative: Hold pictures of ``tikhonov`` and ``tv`` at 0 or above. Of use only where
                the readings say the level of the picture. The prior's always are.
            progress: Called with (step, steps).

        Raises:
            UsageError: No such method; see also :meth:`problem`.
        """
        if method not in ALL_METHODS:
            raise UsageError(f"--method {', '.join(ALL_METHODS)}", repr(method), "use one of these")
        begin = time.perf_counter()
        problem = readings
        if not isinstance(problem, CameraProblem):
            problem = self.problem(problem, share)
        if method == PRIOR:
            problem = self._for_search(problem)
        found, recovery = self._image(problem, method, nonnegative, progress)
        judged = self.judged(problem, found)
        for _ in range(_ROUNDS - 1 if method == PRIOR else 0):
            if abs(judged.gain / problem.scale.gain - 1) < _SAME_GAIN or judged.gain == 0:
                break
            other = self._scaled(problem.corrected, judged, problem.held_out, searching=True)
            image, again = self._image(other, method, nonnegative, progress)
            better = self.judged(other, image)
            if self._left(other, image, better) >= self._left(problem, found, judged):
                break
            problem, found, recovery, judged = other, image, again, better
        if method == PRIOR and self._mirrors:
            found = self._from_four_sides(problem, found)
            judged = self.judged(problem, found)
        left = self._left(problem, found, judged)
        return CameraRecovery(
            image=found if self._calibration is None else self._calibration.applied(found),
            method=method,
            scale=judged,
            corrected=problem.corrected,
            explained=1 - left / self._nothing(problem),
            held_out=problem.held_out,
            over_noise=self._over_noise(problem, left, judged.sigma),
            seconds=time.perf_counter() - begin,
            recovery=recovery,
        )

    def judged(self, problem: CameraProblem, image: NDArray[Any]) -> Scale:
        """Return gain and offset with which a picture explains the readings best.

        Least squares in closed form. A level that the readings do not say is free beside them, so
        that the conventional one does not count.
        """
        detector = self.camera.detector
        seen, y, sigma = self._seen(problem, image), problem.corrected.y, problem.corrected.sigma
        free = self._free(problem)
        expected = problem.scale.gain * seen
        weights = detector.weights(
            _without(free, y - expected) if free.size else y - expected,
            max(problem.scale.sigma, 1e-30) if sigma is None else sigma,
        )
        gain, offset = problem.scale.gain, problem.scale.offset
        if detector.gain is None:
            flat = _without(free, seen, weights), _without(free, y, weights)
            gain, _ = fit_gain_offset(flat[1], flat[0], weights, detector.gain_sign, offset=False)
        if not detector.offset_is_known:
            offset = float(np.average(y - gain * seen, weights=weights))
        return replace(problem.scale, gain=gain, offset=offset, how="fitted to the picture")

    def _seen(self, problem: CameraProblem, image: NDArray[Any]) -> NDArray[np.float64]:
        measured = self.operator.forward(np.asarray(image, np.float32))[0]
        return np.asarray(measured[problem.corrected.used], np.float64)

    def _free(self, problem: CameraProblem) -> NDArray[np.float64]:
        """Return what may be added to the readings besides gain * A x, as columns [k, p]."""
        if problem.level_known:
            return np.zeros((len(problem.corrected.y), 0))
        flat = self._seen(problem, np.ones((1, 1, *self.operator.frame), np.float32))
        columns = [flat] if self.camera.detector.offset_is_known else [flat, np.ones_like(flat)]
        return np.stack(columns, axis=1)

    def _left(self, problem: CameraProblem, image: NDArray[Any], scale: Scale) -> float:
        """Return the mean square of what a picture does not explain."""
        error = problem.corrected.y - scale.gain * self._seen(problem, image)
        free = self._free(problem)
        error = _without(free, error) if free.size else error - scale.offset
        return float(np.mean(error**2))

    def _over_noise(self, problem: CameraProblem, left: float, sigma: float) -> float | None:
        given = problem.corrected.sigma
        if given is not None:
            return left / float(np.mean(given**2))
        told = sigma**2 > _TOLD**2 * self._nothing(problem)
        return left / sigma**2 if told else None

    def _nothing(self, problem: CameraProblem) -> float:
        """Return the mean square that a flat picture leaves, of the best level and offset."""
        flat = self._seen(problem, np.ones((1, 1, *self.operator.frame), np.float32))
        columns = [flat] if self.camera.detector.offset_is_known else [flat, np.ones_like(flat)]
        error = _without(np.stack(columns, axis=1), problem.corrected.y)
        return max(float(np.mean(error**2)), 1e-300)

    def _for_search(self, problem: CameraProblem) -> CameraProblem:
        """Return a problem as the search is told it: louder noise, white above what is brightest.

        White is where readings say the level but not the gain: else a picture that is darker than
        photos are, with a few bright spots, would be searched for beyond white.
        """
        scale = problem.scale
        if problem.level_known and self.camera.detector.gain is None:
            linear, _ = self._image(problem, "tikhonov", False, None)
            brightest = float(linear.max())
            if brightest > 0:
                scale = replace(scale, gain=scale.gain * _WHITE * brightest)
        return self._scaled(problem.corrected, scale, problem.held_out, searching=True)

    def _from_four_sides(self, problem: CameraProblem, found: FloatArray) -> FloatArray:
        """Return the mean of a picture and those found of the three mirrored scenes."""
        pictures = [(Viewed(problem.operator, MIRRORED[0]), found)]
        for view in MIRRORED[1:]:
            operator, linear = mirrored(problem.linear, problem.operator, view)
            self._model.keep_estimate(operator, linear)
            again = self._model.recover(
                problem.y, operator=operator, noise=problem.noise, **self._options
            )
            pictures.append((operator, again.image))
        return mean_of(pictures)

    def _scaled(
        self, corrected: Corrected, scale: Scale, held_out: float, searching: bool = False
    ) -> CameraProblem:
        """Return readings, gain and offset taken off them, as measurements.

        Args:
            corrected: The readings.
            scale: Gain and offset.
            held_out: As of the problem.
            searching: Whether it is for the search: noise that is given is told louder.
        """
        operator: Operator = Rows(self.operator, corrected.used)
        y = (corrected.y - scale.offset) / scale.gain
        sigma = corrected.sigma
        noise = scale.sigma / abs(scale.gain)
        if sigma is not None and np.ptp(sigma) > 1e-6 * sigma.max():
            noise = float(np.median(sigma)) / abs(scale.gain)
            weights = np.median(sigma) / sigma
            operator, y = Weighted(operator, weights), y * weights
        operator, y, seen = level_apart(operator, y, self.camera.detector, self.covariance)
        noise *= _LOUDER if searching and sigma is not None else 1
        linear = self._model.linear_estimate(operator, noise)
        measurements = np.ascontiguousarray(y[np.newaxis], np.float32)
        return CameraProblem(
            operator, measurements, noise, scale, corrected, seen, held_out, linear
        )

    def _image(
        self,
        problem: CameraProblem,
        method: str,
        nonnegative: bool,
        progress: Progress | None,
    ) -> tuple[FloatArray, Recovery | None]:
        operator, y = problem.operator, problem.y
        if method == PRIOR:
            found = self._model.recover(
                y, operator=operator, noise=problem.noise, progress=progress, **self._options
            )
            return found.image, found
        if method == "tikhonov":
            if nonnegative:
                return nonnegative_tikhonov(problem.linear, self.covariance, y), None
            mean = np.full((1, 1, *operator.frame), self.covariance.mean, np.float32)
            return mean + problem.linear.estimate(y - operator.forward(mean)), None
        if method == "tv":
            found_tv = total_variation(operator, y, problem.noise, nonnegative=nonnegative)
            return found_tv.image, None
        return pseudo_inverse(operator, y).image, None


def as_recovered(
    recoverer: CameraRecoverer, target: NDArray[Any], found: CameraRecovery
) -> FloatArray:
    """Return what the same patterns and method make of readings of a known target, [1,1,H,W].

    Without noise, gain and offset: what the resolution of the patterns leaves of the target.

    Args:
        recoverer: Of the camera.
        target: [H,W].
        found: What it recovered, and of which readings.
    """
    y = np.full(recoverer.operator.size, np.nan)
    used = found.corrected.used
    seen = recoverer.operator.forward(np.asarray(target, np.float32)[np.newaxis, np.newaxis])
    y[used] = seen[0, used]
    known = recoverer.camera.detector.offset_is_known
    ideal = replace(
        recoverer.camera,
        detector=Detector(pairs="differenced" if known else "none"),
        calibration=None,
    )
    return recoverer.of(ideal).recover(y, found.method).image


def _without(
    columns: NDArray[np.float64],
    values: NDArray[np.float64],
    weights: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Return what weighted least squares of columns [k, p] leaves of values [k]."""
    root = np.ones(len(values)) if weights is None else np.sqrt(weights)
    scaled = columns * root[:, np.newaxis]
    solved = np.linalg.lstsq(scaled, values * root, rcond=None)[0]
    return np.asarray(values - columns @ solved, np.float64)


def photo_covariance(model: Model) -> Covariance:
    """Return the covariance of photos that a prior has.

    Raises:
        UsageError: It has none.
    """
    search = model.bundle.search
    if search is None:
        raise UsageError(
            "a photo prior, which knows the covariance of photos",
            model.bundle.manifest.name,
            "use photo-4bit, or train one with --prior photo",
        )
    return search.covariance


def level_apart(
    operator: Operator, y: NDArray[np.float64], detector: Detector, covariance: Covariance
) -> tuple[Operator, NDArray[np.float64], bool]:
    """Return measurements of which one says the level of the picture, and no other does.

    What an unknown offset and the level of the picture add to the measurements, multiples of 1 and
    of A 1, is projected out of them. In its place comes one measurement of the mean: the one that
    the readings give where the offset is known and patterns see the level, else that of photos.

    Args:
        operator: A.
        y: Its measurements, gain and offset taken off, [k].
        detector: Whether the offset is known.
        covariance: With the mean of photos.

    Returns:
        The operator of k + 1 measurements, these, and whether the readings say the level.
    """
    flat = operator.forward(np.ones((1, 1, *operator.frame), np.float32))[0].astype(np.float64)
    known = detector.offset_is_known
    columns = [flat] if known else [flat, np.ones_like(flat)]
    projected = Projected(operator, np.stack(columns, axis=1))
    apart = WithMean(projected)
    power = float(flat @ flat)
    # The length of a row is that of white pixels' signal; of a flat picture's it is far longer.
    seen = known and power > _SEEN * operator.frame[0] * operator.frame[1] * apart.weight**2
    mean = float(flat @ y) / power if seen else covariance.mean
    return apart, np.append(projected.projected(y[np.newaxis])[0], apart.level(mean)), seen


def patterns_of_share(share: float, size: int) -> int:
    """Return how many of the first patterns a share of them is.

    Raises:
        UsageError: Not above 0, or above 1.
    """
    if not 0 < share <= 1:
        raise UsageError("a share of the readings above 0, at most 1", f"{share}", "e.g. 10%")
    return max(1, round(share * size))


def first_patterns(corrected: Corrected, count: int) -> Corrected:
    """Return the readings of the first patterns.

    Raises:
        UsageError: None of them has one.
    """
    kept = corrected.used < count
    if not kept.any():
        raise UsageError(
            f"readings of the first {count} patterns", "none", "use a larger share of them"
        )
    if kept.all():
        return corrected
    sigma = None if corrected.sigma is None else corrected.sigma[kept]
    note = f"only the first {count} patterns"
    return replace(
        corrected,
        y=corrected.y[kept],
        used=corrected.used[kept],
        sigma=sigma,
        patterns_without=count - int(kept.sum()),
        notes=(*corrected.notes, note),
    )


def recover_readings(
    model: Model,
    camera: Camera,
    readings: Readings | NDArray[Any],
    method: str = PRIOR,
    *,
    share: float = 1.0,
    **options: Any,
) -> CameraRecovery:
    """Recover a picture from the readings of a camera.

    Args:
        model: A photo prior.
        camera: What :func:`~bitprior_runtime.camera.camera_file.read_camera` read.
        readings: One row of readings as read from a file, or [N].
        method: ``prior``, ``pseudo-inverse``, ``tikhonov`` or ``tv``.
        share: Of the patterns, the first ones, that are used.
        options: Those of :class:`CameraRecoverer`.

    Raises:
        UsageError: Readings, camera and prior that do not go together; the message says how.
    """
    order = readings.order if isinstance(readings, Readings) else None
    values = readings.values if isinstance(readings, Readings) else readings
    return CameraRecoverer(model, camera, order, **options).recover(values, method, share=share)
