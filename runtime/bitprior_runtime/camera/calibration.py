"""Calibration of a camera: a smooth gain and offset over its field, and a gray curve.

A scene t is seen as

    r(x, y) = a(x, y) t + b(x, y) + c2 t^2 + c3 t^3,

a and b sums of 4 x 4 cosines. Pictures are corrected by solving for t, and t is drawn to its
mean by a^2 / (a^2 + v), v the variance of what the fit leaves: dim parts do not become noise.
Fitted in this direction, noise of pictures does not bend the fit to the target, which has none.
Gain and level of recovered pictures are conventions; so that one calibration fits all of them,
r and t are taken in standard deviations of a picture from its mean, and what is found is brought
back to them. A calibration by a flat field has a alone, and divides the picture.
"""

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError
from bitprior_runtime.files import read_bytes, write_atomically
from bitprior_runtime.sensing.files import Archive

Floats = NDArray[np.float64]

WAVES = 4
_MAX_BYTES = 2**20
# Of the mean gain, what is divided by at least; steps of Newton, and the longest, in deviations.
_DIMMEST = 0.2
_NEWTON, _STEP = 8, 0.5
_RIDGES = 10.0 ** np.arange(-4.0, 2.1, 1.0)
_FOLDS, _BLOCKS = 4, 8
# Scenes whose means and deviations say something of the camera rather than of themselves.
LEAST_SCENES = 8


@dataclass(frozen=True, eq=False)
class Calibration:
    """What corrects a camera's pictures.

    Attributes:
        gain: Coefficients of a, [4, 4] over cosines down and across.
        offset: Those of b, in standard deviations of a picture.
        curve: c2 and c3.
        left: v, in variances of a picture.
        relative: Whether pictures are taken in deviations from their mean; else as they are.
        gained: Error of pictures of the target, root mean square after a gray fit, over that of
            the corrected ones, in parts that the fit had not seen; None: no target.
    """

    gain: Floats
    offset: Floats
    curve: Floats
    left: float
    relative: bool
    gained: float | None = None

    def applied(self, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return pictures [..., H, W] corrected, each with the mean and deviation it had."""
        found = np.empty(pictures.shape, np.float32)
        height, width = pictures.shape[-2:]
        gain, offset = self.fields(height, width)
        flat = found.reshape(-1, height, width)
        for picture, out in zip(pictures.reshape(-1, height, width), flat, strict=True):
            if not self.relative:
                out[:] = picture / gain
                continue
            mean, deviation = float(picture.mean()), float(picture.std()) or 1.0
            r = (picture.astype(np.float64) - mean) / deviation
            c = self.scene(r, gain, offset)
            spread = float(c.std()) or 1.0
            out[:] = mean + deviation * (c - c.mean()) / spread
        return found

    def fields(self, height: int, width: int) -> tuple[Floats, Floats]:
        """Return a, at least a fifth of its mean, and b, [H,W] each."""
        waves = cosines(height, width)
        gain, offset = (np.tensordot(field.ravel(), waves, 1) for field in (self.gain, self.offset))
        return np.maximum(gain, _DIMMEST * gain.mean()), offset

    def scene(self, r: Floats, gain: Floats, offset: Floats) -> Floats:
        """Return t of a picture in its deviations, by Newton's steps from that without a curve."""
        t = (r - offset) / gain
        for _ in range(_NEWTON if self.curve.any() else 0):
            error = gain * t + self.curve[0] * t**2 + self.curve[1] * t**3 + offset - r
            slope = gain + 2 * self.curve[0] * t + 3 * self.curve[1] * t**2
            t = t - np.clip(error / np.maximum(slope, _DIMMEST * gain), -_STEP, _STEP)
        return t * gain**2 / (gain**2 + self.left)


def by_target(pictures: Sequence[NDArray[np.float32]], target: NDArray[np.float32]) -> Calibration:
    """Return the calibration that explains pictures of a known target.

    Least squares with a ridge on all but a constant gain; the ridge is the one that predicts
    blocks of the pictures best that the fit did not see. If none predicts them better than the
    target as it is, the calibration changes nothing.

    Args:
        pictures: [H,W] each, of the same target.
        target: [H,W].

    Raises:
        UsageError: A target of another size, or a flat one.
    """
    wanted = _standard(target)
    if any(picture.shape != target.shape for picture in pictures) or not wanted.any():
        found = f"{target.shape[0]}x{target.shape[1]}, values {target.min():g} to {target.max():g}"
        size = "x".join(str(side) for side in pictures[0].shape)
        raise UsageError(f"a target of {size} pixels that is not flat", found, "see --flat")
    seen = [_standard(picture) for picture in pictures]
    plain = _error(np.concatenate([r.ravel() for r in seen]), np.tile(wanted.ravel(), len(seen)))
    fold = _folds(*target.shape)
    errors = [_held_out(seen, wanted, fold, ridge) for ridge in _RIDGES]
    if min(errors) >= plain:
        return Calibration(_constant(1.0), _constant(0.0), np.zeros(2), 0.0, True, 1.0)
    everywhere = np.ones(target.shape, bool)
    fitted = _fitted(seen, wanted, everywhere, float(_RIDGES[int(np.argmin(errors))]))
    return replace(fitted, gained=plain / min(errors))


def by_flat_field(pictures: Sequence[NDArray[np.float32]]) -> Calibration:
    """Return the calibration by pictures of an even white surface: they become even.

    Args:
        pictures: [H,W] each; readings have to say their level.

    Raises:
        UsageError: Not everywhere above 0 after smoothing.
    """
    seen = np.mean(np.array(pictures, np.float64), axis=0)
    waves = cosines(*seen.shape).reshape(WAVES * WAVES, -1)
    smooth = np.linalg.lstsq(waves.T, seen.ravel(), rcond=None)[0] @ waves
    if smooth.min() <= 0:
        expected = "a flat field that is bright everywhere"
        raise UsageError(expected, f"{smooth.min():.3g} at its darkest", "give dark and offset")
    fitted = np.linalg.lstsq(waves.T, smooth / smooth.mean(), rcond=None)[0]
    return Calibration(fitted.reshape(WAVES, WAVES), _constant(0.0), np.zeros(2), 0.0, False)


def by_scenes(pictures: Sequence[NDArray[np.float32]]) -> Calibration:
    """Return the calibration by many different scenes: everywhere alike in mean and deviation.

    Args:
        pictures: [H,W] each, at least 8.

    Raises:
        UsageError: Fewer.
    """
    if len(pictures) < LEAST_SCENES:
        expected = f"at least {LEAST_SCENES} scenes"
        raise UsageError(expected, f"{len(pictures)}", "give more, or a --target, or --flat")
    scenes = np.stack([_standard(picture) for picture in pictures])
    waves = cosines(*pictures[0].shape).reshape(WAVES * WAVES, -1)

    def smooth(field: Floats) -> Floats:
        return np.asarray(np.linalg.lstsq(waves.T, field.ravel(), rcond=None)[0], np.float64)

    level = smooth(scenes.mean(axis=0))
    power = smooth((scenes**2).mean(axis=0)) @ waves - (level @ waves) ** 2
    gain = smooth(np.sqrt(np.maximum(power, (_DIMMEST**2) * float(power.mean()))))
    shape = WAVES, WAVES
    return Calibration(gain.reshape(shape), level.reshape(shape), np.zeros(2), 0.0, True)


def write_calibration(path: str | os.PathLike[str], calibration: Calibration) -> None:
    """Write a calibration as .npz, whole or not at all.

    Raises:
        UnwritableOutputError: It cannot be written.
    """
    data = io.BytesIO()
    np.savez(
        data,
        gain=calibration.gain,
        offset=calibration.offset,
        curve=calibration.curve,
        left=np.array(calibration.left),
        relative=np.array(calibration.relative),
    )
    write_atomically(path, data.getvalue())


def read_calibration(path: str | os.PathLike[str]) -> Calibration:
    """Read a calibration.

    Raises:
        MissingFileError: It cannot be read.
        UsageError: It is none.
    """
    archive = Archive(read_bytes(path, _MAX_BYTES), os.fspath(path))
    names = ("gain", "offset", "curve", "left", "relative")
    if sorted(archive.names) != sorted(names):
        found = ", ".join(archive.names)[:80]
        raise UsageError(f"a calibration in {path}", found, "run: bitprior camera calibrate")
    gain, offset, curve, left, relative = (np.asarray(archive.read(name)) for name in names)
    shapes = gain.shape == offset.shape == (WAVES, WAVES) and curve.shape == (2,)
    fields = (gain, offset, curve, left)
    if (
        not shapes
        or relative.shape
        or left.shape
        or any(f.dtype.kind != "f" for f in fields)
        or not all(np.isfinite(f).all() for f in fields)
    ):
        found = f"shapes {gain.shape}, {offset.shape}, {curve.shape}"
        raise UsageError(f"a calibration in {path}", found, "run: bitprior camera calibrate")
    wide = [f.astype(np.float64) for f in fields[:3]]
    return Calibration(wide[0], wide[1], wide[2], float(left), bool(relative))


def cosines(height: int, width: int) -> Floats:
    """Return products of the 4 slowest cosines down and across, [16, H, W]; the first is 1."""
    down, across = (
        np.cos(np.pi * np.outer(np.arange(WAVES), np.arange(n) + 0.5) / n) for n in (height, width)
    )
    return (down[:, np.newaxis, :, np.newaxis] * across[:, np.newaxis]).reshape(-1, height, width)


def _columns(t: Floats) -> Floats:
    waves = cosines(*t.shape)
    cubic = np.stack([t**2, t**3])
    return np.concatenate([waves * t, waves, cubic]).reshape(2 * len(waves) + 2, -1).T


def _standard(picture: NDArray[np.float32]) -> Floats:
    """Return a picture in standard deviations from its mean."""
    wide = picture.astype(np.float64)
    deviation = float(wide.std())
    return (wide - wide.mean()) / deviation if deviation else np.zeros(wide.shape)


def _folds(height: int, width: int) -> NDArray[np.intp]:
    """Return which fold each pixel is in: squares of an eighth of the picture, in turn."""
    down, across = (np.arange(n) * _BLOCKS // n for n in (height, width))
    found: NDArray[np.intp] = (down[:, np.newaxis] * 3 + across) % _FOLDS
    return found


def _fitted(
    seen: Sequence[Floats], wanted: Floats, used: NDArray[np.bool_], ridge: float
) -> Calibration:
    """Return the calibration by the used pixels [H,W] of pictures of a target, ridged."""
    one = used.ravel()
    x = np.tile(_columns(wanted)[one], (len(seen), 1))
    y = np.concatenate([r.ravel()[one] for r in seen])
    power = np.mean(x**2, axis=0) * len(x) * ridge
    power[0] = 0.0
    solved = np.linalg.solve(x.T @ x + np.diag(power), x.T @ y)
    count = WAVES * WAVES
    fields = (solved[:count].reshape(WAVES, WAVES), solved[count:-2].reshape(WAVES, WAVES))
    return Calibration(*fields, solved[-2:], float(np.mean((y - x @ solved) ** 2)), True)


def _held_out(
    seen: Sequence[Floats], wanted: Floats, fold: NDArray[np.intp], ridge: float
) -> float:
    """Return the error of corrected pictures in the parts that a fit did not see."""
    found = np.zeros((len(seen), *wanted.shape))
    for k in range(_FOLDS):
        fitted = _fitted(seen, wanted, fold != k, ridge)
        gain, offset = fitted.fields(*wanted.shape)
        for r, out in zip(seen, found, strict=True):
            out[fold == k] = fitted.scene(r, gain, offset)[fold == k]
    return _error(found.ravel(), np.tile(wanted.ravel(), len(seen)))


def _error(found: Floats, wanted: Floats) -> float:
    """Return the root mean square error after a gray fit."""
    centred = found - found.mean()
    power = float(centred @ centred)
    gain = float(centred @ wanted) / power if power else 0.0
    return float(np.sqrt(np.mean((wanted - wanted.mean() - gain * centred) ** 2)))


def _constant(value: float) -> Floats:
    found = np.zeros((WAVES, WAVES))
    found[0, 0] = value
    return found
