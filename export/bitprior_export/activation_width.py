"""The integer engine's default width: 8-bit activations where they cost little, else 16 bits.

How much 8 bits cost depends on how good a recovery is: what rounding adds to an image of 22 dB is
lost in its error, and not in one of 30 dB. So it is measured, on the run's validation images and
with the bundle's own solver.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.bundle import Bundle
from bitprior_runtime.bundle.manifest import ActivationBits, Calibration
from bitprior_runtime.errors import BitpriorError
from bitprior_runtime.model import Model

MOST_LOSS = 0.1  # dB below the float engine
IMAGES = 64
_SEED = 2  # other start latents than those that calibration saw
_LEAST_ERROR = 1e-10  # 100 dB

Array = NDArray[Any]


@dataclass(frozen=True)
class Width:
    """A width, and what it was chosen by.

    Attributes:
        activation_bits: 8 or 16.
        images: Validation images recovered.
        float_psnr: Mean PSNR of the float engine, dB.
        loss: Mean loss of 8-bit activations, dB.
        error: Standard error of that mean, dB.
    """

    activation_bits: ActivationBits
    images: int
    float_psnr: float
    loss: float
    error: float


def measure_width(bundle: Bundle, images: NDArray[np.float32]) -> Width | None:
    """Return 8 bits if they cost MOST_LOSS at most, one standard error allowed for, else 16.

    Args:
        bundle: Calibrated, with golden cases.
        images: Validation images [N,C,H,W] in [0,1], of which the first IMAGES are recovered.

    Returns:
        The width; None if the integer engine cannot run these programs.
    """
    model, some = Model(bundle, 0), images[:IMAGES]
    try:
        model.engine("integer", threads=1, activation_bits=8)
    except BitpriorError:
        return None
    y = model.sense(some)
    settings: dict[str, Any] = {"seed": _SEED, "threads": 1}
    exact = _psnr(model.recover(y, engine="float", **settings).image, some)
    rounded = model.recover(y, engine="integer", activation_bits=8, **settings).image
    loss = exact - _psnr(rounded, some)
    error = float(loss.std()) / math.sqrt(max(len(loss) - 1, 1))
    mean = float(loss.mean())
    bits: ActivationBits = 8 if mean + error <= MOST_LOSS else 16
    return Width(bits, len(some), round(float(exact.mean()), 3), round(mean, 4), round(error, 4))


def with_width(bundle: Bundle, width: Width) -> Bundle:
    """Return the bundle with the default width, and with what it was chosen by."""
    manifest = bundle.manifest
    calibration, solver = manifest.calibration, manifest.solver
    assert calibration is not None  # the width was measured with it
    figures = {
        "images": width.images,
        "float_psnr": width.float_psnr,
        "loss_at_8_bits_db": width.loss,
        "standard_error_db": width.error,
        "most_loss_db": MOST_LOSS,
        "activation_bits": width.activation_bits,
    }
    selection = {**(solver.selection or {}), "integer": figures}
    return replace(
        bundle,
        manifest=replace(
            manifest,
            calibration=Calibration(width.activation_bits, calibration.absmax),
            solver=replace(solver, selection=selection),
        ),
    )


def _psnr(found: Array, images: Array) -> NDArray[np.float64]:
    errors = np.square(found.clip(0, 1).astype(np.float64) - images).reshape(len(images), -1)
    psnr: NDArray[np.float64] = -10 * np.log10(errors.mean(axis=1).clip(_LEAST_ERROR, None))
    return psnr
