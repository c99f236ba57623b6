"""The integer engine's default widths: the cheapest that cost little in recovered images.

How much narrow activations cost depends on how good a recovery is: what rounding adds to an image
of 22 dB is lost in its error, and not in one of 30 dB. So it is measured, on the run's validation
images and with the bundle's own solver, if that is one of the loops that run for a fixed number of
steps. Others, such as L-BFGS, get 16 bits unmeasured: they draw conclusions from differences of
gradients.
"""

import math
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.bundle import Bundle
from bitprior_runtime.bundle.manifest import ActivationBits
from bitprior_runtime.errors import BitpriorError
from bitprior_runtime.model import Model

Widths: TypeAlias = tuple[ActivationBits, ActivationBits]

MOST_LOSS = 0.1  # dB below the float engine
IMAGES = 32
# Bits of the generator's activations and of cotangents, cheapest first; the last needs no proof.
WIDTHS: tuple[Widths, ...] = ((8, 8), (16, 8), (16, 16))
_MEASURED = ("proximal", "fista")
_SEED = 2  # other start latents than those that calibration saw
_LEAST_ERROR = 1e-10  # 100 dB

Array = NDArray[Any]
Figures = dict[str, Any]


def choose_widths(bundle: Bundle, images: NDArray[np.float32]) -> Bundle:
    """Return the bundle with the first of WIDTHS that costs MOST_LOSS at most, and the figures.

    One standard error of the mean loss is allowed for: in doubt bits are spent. A bundle that the
    integer engine cannot run stays as it is.

    Args:
        bundle: Calibrated, with golden cases.
        images: Validation images [N,C,H,W] in [0,1], of which the first IMAGES are recovered.
    """
    try:
        Model(bundle, 0).engine("integer", threads=1)
    except BitpriorError:
        return bundle
    *tried, widest = WIDTHS
    solver = bundle.manifest.solver
    if solver.name not in _MEASURED:
        return _with_widths(bundle, widest)
    some, measured = images[:IMAGES], []
    y = Model(bundle, 0).sense(some)
    exact = _psnr(_recover(bundle, y, "float"), some)
    chosen = widest
    for widths in tried:
        mean, error = _loss(bundle, some, y, exact, widths)
        measured.append(_figures(widths, mean, error))
        if mean + error <= MOST_LOSS:
            chosen = widths
            break
    selection: dict[str, Any] = {
        **(solver.selection or {}),
        "integer": {
            "images": len(some),
            "float_psnr": round(float(exact.mean()), 3),
            "most_loss_db": MOST_LOSS,
            "measured": measured,
        },
    }
    manifest = replace(bundle.manifest, solver=replace(solver, selection=selection))
    return _with_widths(replace(bundle, manifest=manifest), chosen)


def _loss(
    bundle: Bundle, images: Array, y: Array, exact: Array, widths: Widths
) -> tuple[float, float]:
    """Return how far a width ends below the float engine, and the standard error of it, dB."""
    found = _recover(_with_widths(bundle, widths), y, "integer")
    loss = exact - _psnr(found, images)
    return float(loss.mean()), float(loss.std()) / math.sqrt(max(len(loss) - 1, 1))


def _figures(widths: Widths, mean: float, error: float) -> Figures:
    activations, cotangents = widths
    return {
        "activation_bits": activations,
        "cotangent_bits": cotangents,
        "loss_db": round(mean, 4),
        "error_db": round(error, 4),
    }


def _recover(bundle: Bundle, y: Array, engine: str) -> Array:
    return Model(bundle, 0).recover(y, engine=engine, seed=_SEED, threads=1).image


def _with_widths(bundle: Bundle, widths: Widths) -> Bundle:
    calibration = bundle.manifest.calibration
    assert calibration is not None  # the engine would have refused
    activations, cotangents = widths
    calibration = replace(calibration, activation_bits=activations, cotangent_bits=cotangents)
    return replace(bundle, manifest=replace(bundle.manifest, calibration=calibration))


def _psnr(found: Array, images: Array) -> NDArray[np.float64]:
    errors = np.square(found.clip(0, 1).astype(np.float64) - images).reshape(len(images), -1)
    psnr: NDArray[np.float64] = -10 * np.log10(errors.mean(axis=1).clip(_LEAST_ERROR, None))
    return psnr
