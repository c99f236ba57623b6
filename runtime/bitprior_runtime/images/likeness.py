"""How near a picture in unknown gray levels is to a reference: after an affine fit of the grays."""

from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError

Floats = NDArray[np.float64]
_WINDOW = 7


def fitted_grays(picture: NDArray[np.float32], reference: NDArray[np.float32]) -> Floats:
    """Return a * picture + b of least squared distance to the reference, [H,W].

    Raises:
        UsageError: Pictures of different sizes.
    """
    if picture.shape != reference.shape:
        expected = f"a reference of {picture.shape[0]}x{picture.shape[1]} pixels"
        found = f"{reference.shape[0]}x{reference.shape[1]}"
        raise UsageError(expected, found, "scale or register it to the camera's frame")
    x, wanted = picture.astype(np.float64).ravel(), reference.astype(np.float64).ravel()
    centred = x - x.mean()
    power = float(centred @ centred)
    gain = float(centred @ wanted) / power if power else 0.0
    return np.asarray(wanted.mean() + gain * centred).reshape(picture.shape)


def affine_psnr(picture: NDArray[np.float32], reference: NDArray[np.float32]) -> float:
    """Return the peak signal-to-noise ratio after the gray fit, dB; peak: the reference's range.

    Args:
        picture: [H,W].
        reference: [H,W].
    """
    error = fitted_grays(picture, reference) - reference
    peak = float(np.ptp(reference))
    with np.errstate(divide="ignore"):
        return float(20 * np.log10(peak / np.sqrt(np.mean(error**2))))


def affine_ssim(picture: NDArray[np.float32], reference: NDArray[np.float32]) -> float | None:
    """Return the structural similarity after the gray fit, by scikit-image; None without it.

    Args:
        picture: [H,W], at least 7 pixels a side.
        reference: [H,W].
    """
    if find_spec("skimage") is None or min(reference.shape) < _WINDOW:
        return None
    from skimage.metrics import structural_similarity as similarity

    peak = float(np.ptp(reference))
    wanted = reference.astype(np.float64)
    fitted = fitted_grays(picture, reference)
    return float(similarity(fitted, wanted, data_range=peak, win_size=_WINDOW))  # type: ignore[no-untyped-call]
