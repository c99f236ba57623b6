"""The real acquisitions that benchmarks/cameras.py recovers, and their simulated twins.

Each shot becomes a folder with camera.toml and readings.npz, so that ``bitprior recover`` does the
same by hand. What a camera file says of an instrument is what the README of the acquisitions says
of it, or is estimated from readings; a reference only scores, and is the scene of a twin.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.camera.camera_file import Camera
from bitprior_runtime.camera.camera_toml import write_camera
from bitprior_runtime.camera.detector import Detector
from bitprior_runtime.sensing.hadamard import order_of
from bitprior_runtime.sensing.operator import Operator

Floats = NDArray[np.float64]

GAUSSIAN, POISSON = "gaussian", "poisson-1000"
SIMULATED = (GAUSSIAN, POISSON)
PHOTONS = 1000
SEED = 20261129
SUBSETS = 24
PERMUTATIONS = 4
# README of the acquisitions, dmd_random_m76: "Residual 0.065-0.074 grey levels".
M76_NOISE = 0.07
# Beyond this share of the largest sequency, down and across together, is nothing but noise.
_HIGHEST = 0.8
_MAD = 1.4826
_AT_ONCE = 256
READINGS = "readings.npz"


@dataclass(frozen=True, eq=False)
class Shot:
    """One picture's readings, and the camera that took them.

    Attributes:
        folder: Where its files are, below the folder of all.
        camera: With files relative to ``folder``.
        arrays: Of readings.npz; ``y``: the readings.
        noise: Deviation of a reading's noise, for the Gaussian twin.
    """

    folder: str
    camera: Camera
    arrays: Mapping[str, NDArray[np.generic]]
    noise: float

    def written(self, work: Path) -> Camera:
        """Write camera.toml and readings.npz below a folder, and return the camera there."""
        folder = work / self.folder
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(folder / READINGS, **self.arrays)
        camera = replace(self.camera, folder=folder)
        write_camera(folder / "camera.toml", camera)
        return camera


@dataclass(frozen=True, eq=False)
class Case:
    """An acquisition at one ratio.

    Attributes:
        acquisition: Name.
        ratio: Patterns over pixels, or over all coefficients that were measured.
        patterns: How many of the first patterns are used.
        shots: One or more, whose scores are averaged.
        reference: [H,W].
        simulated: Empty, or one of :data:`SIMULATED`.
        to_reference: Affine map [2,3] of 0-based (x, y) of the picture to those of the reference;
            None: they are the same.
    """

    acquisition: str
    ratio: float
    patterns: int
    shots: Sequence[Shot]
    reference: NDArray[np.float32]
    simulated: str = ""
    to_reference: Floats | None = None

    @property
    def key(self) -> tuple[str, float, str]:
        """What tells it from the others."""
        return self.acquisition, self.ratio, self.simulated

    def scored(self, picture: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """Return picture and reference where both are, [h,w] each."""
        if self.to_reference is None:
            return picture, self.reference
        moved, inside = registered(picture, self.to_reference)
        margin = 0
        while not inside[margin : len(inside) - margin, margin : inside.shape[1] - margin].all():
            margin += 1
        cut = slice(margin, len(inside) - margin), slice(margin, inside.shape[1] - margin)
        return moved[cut], self.reference[cut]


def registered(
    picture: NDArray[np.float32], to_reference: Floats
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return a picture on the grid of a reference of its size, bilinear, and where it is known."""
    height, width = picture.shape
    back = np.linalg.inv(np.vstack([to_reference, [0, 0, 1]]))
    v, u = np.indices(picture.shape, np.float64)
    x, y = (back[row, 0] * u + back[row, 1] * v + back[row, 2] for row in (0, 1))
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    left = np.clip(np.floor(x), 0, width - 2).astype(int)
    top = np.clip(np.floor(y), 0, height - 2).astype(int)
    right, low = np.clip(x - left, 0, 1), np.clip(y - top, 0, 1)
    above = (1 - right) * picture[top, left] + right * picture[top, left + 1]
    below = (1 - right) * picture[top + 1, left] + right * picture[top + 1, left + 1]
    return ((1 - low) * above + low * below).astype(np.float32), inside


def cases(data: Path) -> Sequence[Case]:
    """Return all real cases of a folder of acquisitions."""
    return [*pots(data), *holograms(data), *jaszczak(data), *random_bits(data)]


def pots(data: Path) -> Sequence[Case]:
    """Return the two pots with longer exposure: lowest sequencies, and random subsets."""
    archive = np.load(data / "pots_hadamard.npz")
    reference = archive["reference_photo_registered"].astype(np.float32) / 255
    shown = order_of("sequency-columns", (64, 64))  # time order: across 0, all down; ...
    y = np.empty(4096)
    y[shown] = archive["y_deg0_25ms"].ravel()
    broken = set(shown[[61, 62, 63, 4093, 4094, 4095]].tolist()) | {int(shown[0])}
    noise = noise_of_highest(y, (64, 64), broken)
    found: list[Case] = []
    random = np.random.default_rng(SEED)
    drawn = [random.permutation(4096) for _ in range(PERMUTATIONS)]
    for name, orders, ratios in (
        ("pots, lowest sequencies", [order_of("sequency", (64, 64))], (0.05, 0.1, 0.25, 0.5)),
        ("pots, random subsets", drawn, (0.05, 0.1, 0.25)),
    ):
        shots = []
        for number, order in enumerate(orders):
            folder = name.replace(", ", "-").replace(" ", "-")
            folder += f"/{number:02d}" if len(orders) > 1 else ""
            shots.append(hadamard_shot(folder, (64, 64), order, y, broken, noise))
        found += [Case(name, r, round(r * 4096), shots, reference) for r in ratios]
    return found


def holograms(data: Path) -> Sequence[Case]:
    """Return the car and boat, seen by the largest and a small bucket; the DC is clipped."""
    archive = np.load(data / "hologram_car_boat.npz")
    reference = archive["reference_intensity"].astype(np.float32) / 255
    order = order_of("sequency", (32, 32))
    found = []
    for roi in (257, 25):
        y = archive["y"][archive["roi"].tolist().index(roi)].astype(np.float64)
        noise = noise_of_highest(y, (32, 32), {0})
        shot = hadamard_shot(f"hologram-roi-{roi}", (32, 32), order, y, {0}, noise)
        name = f"hologram car and boat, roi {roi}"
        found += [Case(name, r, round(r * 1024), [shot], reference) for r in (0.1, 0.25, 0.5)]
    return found


def jaszczak(data: Path) -> Sequence[Case]:
    """Return the Jaszczak targets: coarse Haar coefficients, and all that were measured."""
    archive = np.load(data / "spirit_jaszczak_haar.npz")
    camera = Camera(
        "wavelet:kind=haar,levels=4,finest=2",
        (128, 128),
        Detector(pairs="differenced"),
        file=READINGS,
        key="y",
    )
    from bitprior_runtime.sensing.wavelet import Wavelet, nested

    operator = Wavelet((128, 128), "haar", 4, 2)
    y = archive["y"].astype(np.float64).ravel()[nested(operator.shapes)]
    reference = archive["reference"].astype(np.float32)
    affine = archive["spc_to_reference_affine_1based_xy"].astype(np.float64)
    # 1-based (x, y): A (x + 1, y + 1, 1) - 1.
    affine = affine[:2] @ np.array([[1, 0, 1], [0, 1, 1], [0, 0, 1]]) - [[0, 0, 1], [0, 0, 1]]
    finest = y[operator.size - 1024 :]
    noise = _MAD * float(np.median(np.abs(finest - np.median(finest))))
    shot = Shot("spirit-jaszczak", camera, {"y": y}, noise)
    name = "Jaszczak targets, Haar"
    return [
        Case(name, count / 4096, count, [shot], reference, to_reference=affine)
        for count in (1024, 4096)
    ]


def random_bits(data: Path) -> Sequence[Case]:
    """Return the light beam behind random bits, in disjoint subsets of the readings.

    One reading too many at the start. Mirrors that are on send light away, so that the complement
    of a pattern sees it, and no light is read as no gray level: the offset is 0.
    """
    archive = np.load(data / "dmd_random_m76.npz")
    bits = 1 - np.unpackbits(archive["patterns_packed"], axis=1, count=180)
    y = archive["y"].astype(np.float64)
    reference = archive["reference_lsq"].astype(np.float32)
    detector = Detector(lag=1, offset=0.0, noise="gaussian", noise_sigma=M76_NOISE)
    found = []
    for count in (45, 90):
        shots = []
        for number in range(SUBSETS):
            first = number * count
            camera = Camera(
                f"patterns:{READINGS}#patterns,packed=01",
                (15, 12),
                detector,
                file=READINGS,
                key="y",
            )
            packed = np.packbits(bits[first : first + count], axis=1)
            arrays = {"y": y[first : first + count + 1], "patterns": packed}
            shots.append(Shot(f"dmd-random-m76-{count}/{number:02d}", camera, arrays, M76_NOISE))
        found.append(Case("random bits, m76", count / 180, count, shots, reference))
    return found


def twin(case: Case, simulated: str) -> Case:
    """Return a case whose readings are simulated from the reference.

    Gaussian: gain and offset that the real readings have of it, and the noise of the file.
    Poisson: pairs of raw readings (single ones of patterns that are positive), 1,000 photons in a
    reading on average.
    """
    scene = case.reference
    if case.to_reference is not None:
        there = np.vstack([case.to_reference, [0, 0, 1]])
        scene, _ = registered(scene, np.linalg.inv(there)[:2])
    scene = np.maximum(scene, 0) / scene.max()
    shots = [_simulated(shot, scene, simulated, number) for number, shot in enumerate(case.shots)]
    return replace(case, shots=shots, reference=scene, simulated=simulated, to_reference=None)


def _simulated(shot: Shot, scene: NDArray[np.float32], simulated: str, number: int) -> Shot:
    random = np.random.default_rng((SEED, number, SIMULATED.index(simulated)))
    operator = _built(shot)
    seen = operator.forward(scene[np.newaxis, np.newaxis])[0].astype(np.float64)
    detector = shot.camera.detector
    if simulated == GAUSSIAN:
        gain, offset = _fitted(detector, shot.arrays["y"].astype(np.float64), seen)
        y = gain * seen + offset + shot.noise * random.standard_normal(len(seen))
        changed = replace(detector, lag=0)
    else:
        light = _absolute(operator, scene)
        parts = np.stack([light + seen, light - seen], axis=1) / 2
        single = np.abs(parts[:, 1]).max() < 1e-4 * np.abs(parts).max()
        parts = parts[:, :1] if single else parts
        y = random.poisson(np.maximum(parts, 0) * (PHOTONS / parts.mean())).ravel()
        left = [n for p in detector.leave_out for n in ((p,) if single else (2 * p, 2 * p + 1))]
        changed = Detector(
            pairs="none" if single else "interleaved",
            offset=0.0 if single else None,
            leave_out=tuple(left),
            noise="poisson",
            photons=1.0,
        )
    camera = replace(shot.camera, detector=changed)
    arrays = {**shot.arrays, "y": y.astype(np.float64)}
    base, _, rest = shot.folder.partition("/")
    folder = f"{base}-{simulated}" + (f"/{rest}" if rest else "")
    return Shot(folder, camera, arrays, shot.noise)


def _fitted(detector: Detector, y: Floats, seen: Floats) -> tuple[float, float]:
    """Return gain and offset of readings of a scene, by least squares; a known offset is kept."""
    corrected = detector.corrected(y, len(seen))
    known = seen[corrected.used]
    columns = [known] if detector.offset_is_known else [known, np.ones_like(known)]
    solved = np.linalg.lstsq(np.stack(columns, axis=1), corrected.y, rcond=None)[0]
    offset = detector.offset or 0.0
    return float(solved[0]), offset if detector.offset_is_known else float(solved[1])


def _absolute(operator: Operator, scene: NDArray[np.float32]) -> Floats:
    """Return |A| x, what both patterns of a pair see together."""
    found = np.empty(operator.size)
    for first in range(0, operator.size, _AT_ONCE):
        last = min(first + _AT_ONCE, operator.size)
        one = np.zeros((last - first, operator.size), np.float32)
        one[np.arange(last - first), np.arange(first, last)] = 1
        rows = np.abs(operator.adjoint(one)).reshape(last - first, -1)
        found[first:last] = rows @ scene.ravel()
    return found


def _built(shot: Shot) -> Operator:
    """Return a shot's operator, of the arrays at hand."""
    if "patterns" in shot.arrays:
        from bitprior_runtime.sensing import Patterns

        return Patterns(np.asarray(shot.arrays["patterns"]), shot.camera.frame, "01")
    if "order" in shot.arrays:
        from bitprior_runtime.sensing import Hadamard

        return Hadamard(shot.camera.frame, np.asarray(shot.arrays["order"], np.int64))
    return shot.camera.build()


def hadamard_shot(
    folder: str,
    frame: tuple[int, int],
    order: NDArray[np.int64],
    y: Floats,
    broken: set[int],
    noise: float,
) -> Shot:
    """Return readings y, by natural numbers of patterns, in an order.

    Args:
        folder: Of the shot.
        frame: (H, W).
        order: Natural numbers of patterns.
        y: Differences, by natural number.
        broken: Natural numbers of readings to leave out.
        noise: Of a difference.
    """
    left = tuple(int(n) for n in np.flatnonzero(np.isin(order, list(broken))))
    detector = Detector(pairs="differenced", leave_out=left)
    operator = f"hadamard:order={READINGS}#order"
    camera = Camera(operator, frame, detector, file=READINGS, key="y")
    return Shot(folder, camera, {"y": y[order], "order": order}, noise)


def noise_of_highest(y: Floats, frame: tuple[int, int], broken: set[int]) -> float:
    """Return the deviation of the readings of the highest sequencies, by natural numbers."""
    down, across = np.indices(frame)
    high = (down + across > _HIGHEST * (sum(frame) - 2)).ravel()
    numbers = order_of("sequency-rows", frame)[high]
    values = y[[n for n in numbers.tolist() if n not in broken]]
    return _MAD * float(np.median(np.abs(values - np.median(values))))
