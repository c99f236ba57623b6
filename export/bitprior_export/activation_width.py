"""The integer engine's default width: 8-bit activations where they cost little, else 16 bits.

How much 8 bits cost depends on how good a recovery is: what rounding adds to an image of 22 dB is
lost in its error, and not in one of 30 dB. So it is measured, on the run's validation images and
with the bundle's own solver, if that is one of the loops that run for a fixed number of steps.
Others, such as L-BFGS, get 16 bits unmeasured: they draw conclusions from differences of gradients.
"""

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.bundle import Bundle
from bitprior_runtime.bundle.manifest import ActivationBits, Calibration
from bitprior_runtime.errors import BitpriorError
from bitprior_runtime.model import Model

MOST_LOSS = 0.1  # dB below the float engine
IMAGES = 32
_MEASURED = ("proximal", "fista")
_SEED = 2  # other start latents than those that calibration saw
_LEAST_ERROR = 1e-10  # 100 dB

Array = NDArray[Any]


def choose_width(bundle: Bundle, images: NDArray[np.float32]) -> Bundle:
    """Return the bundle with a default width, and with what it was chosen by.

    That is 8 bits if they cost MOST_LOSS at most, one standard error of the mean loss allowed for;
    else 16. A bundle that the integer engine cannot run stays as it is.

    Args:
        bundle: Calibrated, with golden cases.
        images: Validation images [N,C,H,W] in [0,1], of which the first IMAGES are recovered.
    """
    model, solver = Model(bundle, 0), bundle.manifest.solver
    try:
        model.engine("integer", threads=1, activation_bits=8)
    except BitpriorError:
        return bundle
    if solver.name not in _MEASURED:
        return _with_width(bundle, 16)
    figures = _measure(model, images[:IMAGES])
    bits: ActivationBits = 8 if figures["loss_db"] + figures["error_db"] <= MOST_LOSS else 16
    selection = {**(solver.selection or {}), "activation_bits": {**figures, "chosen": bits}}
    manifest = replace(bundle.manifest, solver=replace(solver, selection=selection))
    return _with_width(replace(bundle, manifest=manifest), bits)


def _measure(model: Model, images: Array) -> dict[str, Any]:
    """Return what 8-bit activations cost: mean loss and its standard error, dB."""
    y = model.sense(images)
    settings: dict[str, Any] = {"seed": _SEED, "threads": 1}
    exact = _psnr(model.recover(y, engine="float", **settings).image, images)
    rounded = model.recover(y, engine="integer", activation_bits=8, **settings).image
    loss = exact - _psnr(rounded, images)
    return {
        "images": len(images),
        "float_psnr": round(float(exact.mean()), 3),
        "loss_db": round(float(loss.mean()), 4),
        "error_db": round(float(loss.std()) / math.sqrt(max(len(loss) - 1, 1)), 4),
        "most_loss_db": MOST_LOSS,
    }


def _with_width(bundle: Bundle, bits: ActivationBits) -> Bundle:
    calibration = bundle.manifest.calibration
    assert calibration is not None  # the engine would have refused
    calibration = Calibration(bits, calibration.absmax)
    return replace(bundle, manifest=replace(bundle.manifest, calibration=calibration))


def _psnr(found: Array, images: Array) -> NDArray[np.float64]:
    errors = np.square(found.clip(0, 1).astype(np.float64) - images).reshape(len(images), -1)
    psnr: NDArray[np.float64] = -10 * np.log10(errors.mean(axis=1).clip(_LEAST_ERROR, None))
    return psnr
