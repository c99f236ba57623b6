"""Evaluate a bundle on test images: sense, recover with numpy, compare with the originals."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.model import Model
from bitprior_runtime.recovery import Recovery
from bitprior_runtime.solvers import Progress
from bitprior_train.metrics import Mean, mean_of, psnr, ssim
from bitprior_train.phase_metrics import sign_resolved, success_rate

TIMED_RECOVERIES = 20
_ROWS = 64  # images drawn at a time


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a bundle is worth on a set of images.

    Attributes:
        images: The originals [N,C,H,W].
        measurements: y = A(x), [N,m].
        recovery: What was recovered from them.
        recovered: Its images [N,C,H,W]; of phase retrieval with their signs resolved.
        psnr: Per image, dB.
        ssim: Per image.
        settings: Options of ``Model.recover`` it was recovered with.
        start_psnr: Of the images at z = y per image, dB, where recoveries start there; else None.
        success_rate: Share of images that phase retrieval found; None: signs were measured.
    """

    images: NDArray[np.float32]
    measurements: NDArray[np.float32]
    recovery: Recovery
    recovered: NDArray[np.float32]
    psnr: NDArray[np.float64]
    ssim: NDArray[np.float64]
    settings: dict[str, Any]
    start_psnr: NDArray[np.float64] | None
    success_rate: float | None

    @property
    def mean_psnr(self) -> Mean:
        """Mean PSNR, dB, with its confidence interval."""
        return mean_of(self.psnr)

    @property
    def mean_ssim(self) -> Mean:
        """Mean SSIM with its confidence interval."""
        return mean_of(self.ssim)


def measures_no_signs(model: Model) -> bool:
    """Say whether a model's measurements are the same for an image and its negative."""
    return model.bundle.manifest.measurement.kind.startswith("phase")


def evaluate(
    model: Model,
    images: NDArray[np.float32],
    *,
    progress: Progress | None = None,
    **settings: Any,
) -> Evaluation:
    """Recover ``images`` from their measurements and compare.

    Phase retrieval starts from -z0 too, and its metrics resolve the signs.

    Args:
        model: The prior with its sensing network.
        images: [N,C,H,W] in [0,1], held out of training.
        progress: Called with (step, steps).
        settings: Options of ``Model.recover``.

    Returns:
        Recovery, PSNR and SSIM of each image.
    """
    signless = measures_no_signs(model)
    settings = {**settings, "mirrored": signless}
    y = model.sense(images)
    recovery = model.recover(y, progress=progress, **settings)
    recovered = sign_resolved(recovery.image, images) if signless else recovery.image
    return Evaluation(
        images=images,
        measurements=y,
        recovery=recovery,
        recovered=recovered,
        psnr=psnr(recovered, images),
        ssim=ssim(recovered, images),
        settings=settings,
        start_psnr=_start_psnr(model, y, images),
        success_rate=success_rate(recovery.image, images) if signless else None,
    )


def _start_psnr(
    model: Model, y: NDArray[np.float32], images: NDArray[np.float32]
) -> NDArray[np.float64] | None:
    """Return the PSNR that recoveries start from, where that is G(y): what the steps add to."""
    if model.bundle.manifest.solver.initial_latent != "measurement":
        return None
    parts = range(0, len(y), _ROWS)
    start = np.concatenate([model.generate(y[at : at + _ROWS]) for at in parts])
    return psnr(start.clip(0, 1), images)


def recovery_times(models: Sequence[Model], evaluations: Sequence[Evaluation]) -> list[float]:
    """Time recoveries of one image at a time: a board gets one frame after the other.

    The models take turns, so that whatever else the machine does falls on all of them alike.

    Args:
        models: The models.
        evaluations: What :func:`evaluate` found with each, for its measurements and settings.

    Returns:
        Fastest wall time of each model, ms: what other work makes longer is not the model's.
    """
    rounds = min([TIMED_RECOVERIES, *(len(found.images) for found in evaluations)])
    times: list[list[float]] = [[] for _ in models]
    for index in range(rounds):
        for model, found, own in zip(models, evaluations, times, strict=True):
            begin = time.perf_counter()
            model.recover(found.measurements[index : index + 1], **found.settings)
            own.append(1e3 * (time.perf_counter() - begin))
    return [min(own) for own in times]
