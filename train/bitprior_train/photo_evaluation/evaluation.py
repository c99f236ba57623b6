"""Evaluate priors on whole photos: measure, recover, compare, one operator at a time."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.model import Model
from bitprior_runtime.recovery import Recovery
from bitprior_runtime.sensing.blocks import Rectangles
from bitprior_runtime.sensing.covariance import Covariance
from bitprior_runtime.sensing.operator import FloatArray, Shape
from bitprior_train.metrics import psnr, ssim
from bitprior_train.photo_evaluation.linear import BlockComponents, decode_linearly
from bitprior_train.photo_evaluation.measuring import Measured, Sensing, frames_of, measure
from bitprior_train.photo_evaluation.photos import PhotoSet

COMPONENTS = "PCA"
# A time is that of an engine on one thread; numpy's own products take OMP_NUM_THREADS.
THREADS = 1
TIMED = 3
# Components of larger blocks take too long.
_LARGEST_BLOCK = 64

Say = Callable[[str], None]
Components = Callable[[Shape], BlockComponents]


@dataclass(frozen=True)
class FrameTime:
    """Wall times of recoveries of photos of one frame, one at a time.

    Attributes:
        frame: (H, W).
        count: Recoveries that were timed; one before them was not.
        fastest: ms.
        mean: ms.
    """

    frame: Shape
    count: int
    fastest: float
    mean: float


@dataclass(frozen=True, eq=False)
class Found:
    """What one method makes of the photos, in their order.

    Attributes:
        images: [1,1,H,W] each, in [0,1].
        psnr: dB, [N].
        ssim: [N].
        start_psnr: Of G(z0), clipped, before any step, dB [N]; None: there is no such image.
        loss: ||y - A G(z)||^2 of the last latent over ||y||^2, [N]; None: it is no search.
        times: By frame; empty for what is not timed.
        recovery: The last recovery, for what ran; None: no prior.
    """

    images: Sequence[FloatArray]
    psnr: NDArray[np.float64]
    ssim: NDArray[np.float64]
    start_psnr: NDArray[np.float64] | None = None
    loss: NDArray[np.float64] | None = None
    times: Sequence[FrameTime] = ()
    recovery: Recovery | None = None


@dataclass(frozen=True, eq=False)
class Bench:
    """Photos measured by one operator.

    Attributes:
        photos: The photos.
        sensing: Operator and noise.
        operators: The operator of each frame.
        measured: What was measured of each photo.
    """

    photos: PhotoSet
    sensing: Sensing
    operators: Mapping[Shape, Rectangles]
    measured: Sequence[Measured]

    @property
    def rows(self) -> int:
        """Measurements of a block."""
        return len(self._any.matrix)

    @property
    def pixels(self) -> int:
        """Pixels of a block."""
        return int(self._any.matrix.shape[1])

    @property
    def block(self) -> Shape:
        """(height, width) of a block."""
        return self._any.block

    @property
    def _any(self) -> Rectangles:
        return next(iter(self.operators.values()))


def set_up(photos: PhotoSet, sensing: Sensing) -> Bench:
    """Measure photos.

    Raises:
        UsageError: The operator's text names none, or one that does not fit the photos.
    """
    operators = {frame: sensing.at(frame) for frame in frames_of(photos.photos)}
    measured = [
        measure(sensing, operators[photo.shape[0], photo.shape[1]], photo, index)
        for index, photo in enumerate(photos.photos)
    ]
    return Bench(photos, sensing, operators, measured)


def recover_photos(model: Model, bench: Bench, settings: Mapping[str, Any]) -> Found:
    """Recover every photo by itself, as a board gets one after the other, and time it.

    The first photo of each frame is recovered once before, untimed: what is worked out for an
    operator once is not in the times. Of a frame of few photos it is recovered again until there
    are TIMED times.

    Args:
        model: A prior that serves any frame.
        bench: The photos.
        settings: Options of ``Model.recover``.
    """
    recoveries: list[Recovery] = []
    times: dict[Shape, list[float]] = {}
    shapes = [each.photo.shape for each in bench.measured]
    for each in bench.measured:
        frame = each.photo.shape[2], each.photo.shape[3]
        given = {"operator": bench.operators[frame], "noise": each.noise, **settings}
        again = 1
        if frame not in times:
            again += max(0, TIMED - shapes.count(each.photo.shape))
            model.recover(each.y, threads=THREADS, **given)
        for _ in range(again):
            begin = time.perf_counter()
            found = model.recover(each.y, threads=THREADS, **given)
            times.setdefault(frame, []).append(1e3 * (time.perf_counter() - begin))
        recoveries.append(found)
    end = compared(bench, [recovery.image for recovery in recoveries])
    starts = [recovery.start for recovery in recoveries if recovery.start is not None]
    shares = [
        float(recovery.loss[0]) / float(np.square(each.y, dtype=np.float64).sum())
        for recovery, each in zip(recoveries, bench.measured, strict=True)
    ]
    return Found(
        end.images, end.psnr, end.ssim,
        compared(bench, starts).psnr if len(starts) == len(recoveries) else None,
        np.asarray(shares),
        [FrameTime(frame, len(own), min(own), float(np.mean(own))) for frame, own in times.items()],
        recoveries[-1],
    )  # fmt: skip


def decode_photos(
    bench: Bench, covariance: Covariance, components: Components | None
) -> dict[str, Found]:
    """Return what is made of the photos without a prior, by name.

    Args:
        bench: The photos.
        covariance: Of photos, for the linear estimate.
        components: Gives the principal components of blocks; None: they are left out.
    """
    found: dict[str, list[FloatArray]] = {}
    order: list[int] = []
    for frame, operator in bench.operators.items():
        of_frame = [i for i, each in enumerate(bench.measured) if each.photo.shape[2:] == frame]
        order += of_frame
        measured = [bench.measured[index] for index in of_frame]
        decoded = decode_linearly(operator, covariance, measured)
        if components is not None and bench.block[0] == bench.block[1] <= _LARGEST_BLOCK:
            sensing = bench.sensing
            decoded[COMPONENTS] = components(bench.block).decode(
                frame, bench.rows, measured, sensing.noise, sensing.seed
            )
        for name, images in decoded.items():
            found.setdefault(name, []).extend(images)
    back = np.argsort(order)
    return {
        name: compared(bench, [images[index] for index in back]) for name, images in found.items()
    }


def compared(bench: Bench, images: Sequence[FloatArray]) -> Found:
    """Clip images of all photos and compare them with the originals."""
    clipped = [np.clip(image, 0, 1).astype(np.float32) for image in images]
    pairs = list(zip(clipped, (each.photo for each in bench.measured), strict=True))
    return Found(
        clipped,
        np.asarray([psnr(image, photo)[0] for image, photo in pairs]),
        np.asarray([ssim(image, photo)[0] for image, photo in pairs]),
    )
