"""The integer engine's width of cotangents for a photo prior: 8 bits where that costs nothing."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_export.photo.searching import problems
from bitprior_runtime.bundle import Bundle
from bitprior_runtime.bundle.manifest import ActivationBits
from bitprior_runtime.errors import BitpriorError
from bitprior_runtime.model import Model

MOST_LOSS = 0.02  # dB of the 8 bits under the 16
_LEAST_ERROR = 1e-10  # 100 dB

Floats = NDArray[np.float32]


def choose_cotangents(bundle: Bundle, crops: Floats) -> Bundle:
    """Return the bundle with 8-bit cotangents if they lose less than MOST_LOSS, else with 16.

    A bundle that the integer engine cannot run stays as it is.

    Args:
        bundle: Calibrated.
        crops: Validation crops [N,1,H,W] in [0,1] that are recovered from random blocks.
    """
    widths: tuple[ActivationBits, ActivationBits] = (16, 8)
    try:
        wide, narrow = (_psnr(_with(bundle, bits), crops, "integer") for bits in widths)
    except BitpriorError:
        return bundle
    loss = wide - narrow
    exact = _psnr(bundle, crops, "float")
    figures: dict[str, Any] = {
        "images": len(crops),
        "float_psnr": round(exact, 3),
        "most_loss_db": MOST_LOSS,
        "measured": [
            {"activation_bits": 16, "cotangent_bits": bits, "loss_db": round(exact - found, 4)}
            for bits, found in zip(widths, (wide, narrow), strict=True)
        ],
    }
    solver = replace(bundle.manifest.solver, selection={"integer": figures})
    chosen = _with(bundle, 8 if loss < MOST_LOSS else 16)
    return replace(chosen, manifest=replace(chosen.manifest, solver=solver))


def _with(bundle: Bundle, bits: ActivationBits) -> Bundle:
    calibration = bundle.manifest.calibration
    if calibration is None:
        return bundle
    calibration = replace(calibration, cotangent_bits=bits)
    return replace(bundle, manifest=replace(bundle.manifest, calibration=calibration))


def _psnr(bundle: Bundle, crops: Floats, engine: str) -> float:
    """Return the mean PSNR of the crops after the learned search."""
    model, found = Model(bundle, 0), []
    for operator, noise, photos in problems(crops):
        if len(photos):
            y = operator.forward(photos)
            image = model.recover(y, operator=operator, noise=noise, engine=engine).image
            errors = np.square(image.astype(np.float64) - photos).mean(axis=(1, 2, 3))
            found.append(-10 * np.log10(errors.clip(_LEAST_ERROR, None)))
    return float(np.concatenate(found).mean())
