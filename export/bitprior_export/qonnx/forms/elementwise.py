"""Ops on single values: bounds and exponents as inputs, and nodes that only training needs."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from onnx import TensorProto

from bitprior_export.qonnx.site import Part, Site
from bitprior_export.qonnx.values import UnfitError

_LARGEST = float(np.finfo(np.float32).max)


def _clip(site: Site) -> Sequence[Part]:
    bounds = {}
    for index, name, extreme in ((1, "min", -_LARGEST), (2, "max", _LARGEST)):
        value = site.scalar(index) if site.has(index) else extreme
        if np.isnan(value):
            raise UnfitError(f"a {name} of NaN")
        bounds[name] = float(np.clip(value, -_LARGEST, _LARGEST))
    return [Part("Clip", (site.inputs[0],), site.output, bounds)]


def _power(site: Site) -> Sequence[Part]:
    exponent = site.constant(1)
    if exponent.dtype.kind not in "iuf" or exponent.dtype.itemsize > 8:
        raise UnfitError(f"exponents of {exponent.dtype}")
    return [Part("Pow", (site.inputs[0], exponent.astype(np.float32)), site.output)]


def _dropped(site: Site) -> Sequence[Part]:
    """Hand the input on: what Identity does, and Dropout outside training."""
    if site.has(2) and site.constant(2).any():
        raise UnfitError("training mode")
    return [Part("Identity", (site.inputs[0],), site.outputs[0])]


def _cast(site: Site) -> Sequence[Part]:
    if site.attribute("to") != TensorProto.FLOAT:
        raise UnfitError("a cast of an activation to another type than float32")
    return [Part("Identity", (site.inputs[0],), site.output)]


FORMS: Mapping[str, Callable[[Site], Sequence[Part]]] = {
    "Cast": _cast,
    "Clip": _clip,
    "Dropout": _dropped,
    "Identity": _dropped,
    "Pow": _power,
}
