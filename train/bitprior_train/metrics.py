"""How near a recovered image is to the original: PSNR and SSIM."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import MissingExtraError, UsageError

# Wang et al. (2004): Gaussian window of 11 x 11, standard deviation 1.5.
_GAUSSIAN_WINDOW = 11
_UNIFORM_WINDOW = 7


def psnr(images: NDArray[np.float32], truth: NDArray[np.float32]) -> NDArray[np.float64]:
    """Peak signal-to-noise ratio of each image, dB, peak 1: -10 log10 mean (x - x0)^2.

    Args:
        images: [N,C,H,W]; clipped to [0,1], as a screen would.
        truth: [N,C,H,W] in [0,1].

    Returns:
        [N]; infinite where the images are equal.
    """
    _check(images, truth)
    error = np.clip(images, 0, 1).astype(np.float64) - truth
    with np.errstate(divide="ignore"):
        decibels: NDArray[np.float64] = -10 * np.log10(np.square(error).mean(axis=(1, 2, 3)))
    return decibels


def ssim(images: NDArray[np.float32], truth: NDArray[np.float32]) -> NDArray[np.float64]:
    """Structural similarity of each image (Wang et al. 2004), by scikit-image.

    Images under 11 pixels a side have no room for the Gaussian window; a uniform 7 x 7 one is used.

    Args:
        images: [N,C,H,W]; clipped to [0,1].
        truth: [N,C,H,W] in [0,1].

    Returns:
        [N], at most 1.
    """
    _check(images, truth)
    try:
        from skimage.metrics import structural_similarity
    except ImportError as error:
        raise MissingExtraError("scikit-image", "train", "SSIM") from error
    gaussian = min(truth.shape[2:]) >= _GAUSSIAN_WINDOW
    window = (
        {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
        if gaussian
        else {"win_size": _UNIFORM_WINDOW}
    )
    pairs = zip(np.clip(images, 0, 1), truth, strict=True)
    values = [
        structural_similarity(a, b, data_range=1.0, channel_axis=0, **window) for a, b in pairs
    ]
    return np.asarray(values, dtype=np.float64)


@dataclass(frozen=True)
class Mean:
    """A mean over images with its 95 % confidence interval.

    Attributes:
        mean: Mean.
        half_width: 1.96 standard errors; the interval is mean -+ half_width.
        count: Number of images.
    """

    mean: float
    half_width: float
    count: int


def mean_of(values: NDArray[np.float64]) -> Mean:
    """Return the mean of per-image values and its confidence interval."""
    spread = values.std(ddof=1) if len(values) > 1 else 0.0
    return Mean(float(values.mean()), float(1.96 * spread / np.sqrt(len(values))), len(values))


def _check(images: NDArray[np.float32], truth: NDArray[np.float32]) -> None:
    if images.shape != truth.shape or images.ndim != 4:
        raise UsageError(
            "images and originals of one shape [N,C,H,W]",
            f"{images.shape} and {truth.shape}",
            "compare the same images",
        )
