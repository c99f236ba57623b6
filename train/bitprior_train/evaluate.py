"""Evaluate a bundle on test images: sense, recover with numpy, compare with the originals."""

import platform
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.model import Model
from bitprior_runtime.recovery import Recovery
from bitprior_runtime.solvers import Progress
from bitprior_train.metrics import Mean, mean_of, psnr, ssim

TIMED_RECOVERIES = 20


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a bundle is worth on a set of images.

    Attributes:
        images: The originals [N,C,H,W].
        measurements: y = A(x), [N,m].
        recovery: What was recovered from them.
        psnr: Per image, dB.
        ssim: Per image.
    """

    images: NDArray[np.float32]
    measurements: NDArray[np.float32]
    recovery: Recovery
    psnr: NDArray[np.float64]
    ssim: NDArray[np.float64]

    @property
    def mean_psnr(self) -> Mean:
        """Mean PSNR, dB, with its confidence interval."""
        return mean_of(self.psnr)

    @property
    def mean_ssim(self) -> Mean:
        """Mean SSIM with its confidence interval."""
        return mean_of(self.ssim)

    def figures(self) -> dict[str, Any]:
        """Return the figures, ready for JSON."""
        recovery = self.recovery
        return {
            "images": len(self.images),
            "psnr": asdict(self.mean_psnr),
            "ssim": asdict(self.mean_ssim),
            "measurement_loss": float(recovery.loss.mean()),
            "solver": recovery.solver,
            "steps": len(recovery.history) - 1,
            "engine": recovery.engine,
            "kernel": recovery.kernel,
            "machine": f"{platform.machine()} {platform.system()}, Python "
            f"{platform.python_version()}, numpy {np.__version__}",
        }


def evaluate(
    model: Model,
    images: NDArray[np.float32],
    *,
    progress: Progress | None = None,
    **settings: Any,
) -> Evaluation:
    """Recover ``images`` from their measurements and compare.

    Args:
        model: The prior with its sensing network.
        images: [N,C,H,W] in [0,1], held out of training.
        progress: Called with (step, steps).
        settings: Options of ``Model.recover``.

    Returns:
        Recovery, PSNR and SSIM of each image.
    """
    y = model.sense(images)
    recovery = model.recover(y, progress=progress, **settings)
    return Evaluation(
        images=images,
        measurements=y,
        recovery=recovery,
        psnr=psnr(recovery.image, images),
        ssim=ssim(recovery.image, images),
    )


def recovery_times(
    models: Sequence[Model], evaluations: Sequence[Evaluation], **settings: Any
) -> list[float]:
    """Time recoveries of one image at a time: a board gets one frame after the other.

    The models take turns, so that whatever else the machine does falls on all of them alike.

    Args:
        models: The models.
        evaluations: What :func:`evaluate` found with each, for its measurements.
        settings: Options of ``Model.recover``.

    Returns:
        Median wall time of each model, ms.
    """
    rounds = min([TIMED_RECOVERIES, *(len(found.images) for found in evaluations)])
    times: list[list[float]] = [[] for _ in models]
    for index in range(rounds):
        for model, found, own in zip(models, evaluations, times, strict=True):
            begin = time.perf_counter()
            model.recover(found.measurements[index : index + 1], **settings)
            own.append(1e3 * (time.perf_counter() - begin))
    return [statistics.median(own) for own in times]
