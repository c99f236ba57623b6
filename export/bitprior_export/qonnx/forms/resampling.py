"""Resize and Pad: sizes, scales and widths that ONNX gives as tensors with the batch in them."""

import math
from collections.abc import Callable, Mapping, Sequence

from bitprior_export.qonnx.site import BATCH_MARK, Part, Site
from bitprior_export.qonnx.values import UnfitError
from bitprior_runtime.program import Shape

_SAME_SCALE = 1e-6
_RESIZE_DEFAULTS = {
    "antialias": 0,
    "exclude_outside": 0,
    "keep_aspect_ratio_policy": "stretch",
}
_MODES = ("nearest", "linear")
_PAD_MODES = ("constant", "reflect", "edge")


def _resize(site: Site) -> Sequence[Part]:
    for name, default in _RESIZE_DEFAULTS.items():
        if site.attribute(name, default) != default:
            raise UnfitError(f"{name} = {site.attribute(name)!a}")
    mode = site.attribute("mode", "nearest")
    if mode not in _MODES:
        raise UnfitError(f"mode {mode!a}; {' and '.join(_MODES)} are known")
    shape = site.shape()
    if len(shape) != 3:
        raise UnfitError(f"shape {shape}; only images [C,H,W] are resized")
    attributes = {
        "mode": mode,
        "sizes": _sizes(site, shape),
        "coordinate_transformation_mode": site.attribute(
            "coordinate_transformation_mode", "half_pixel"
        ),
    }
    if mode == "nearest":
        attributes["nearest_mode"] = site.attribute("nearest_mode", "round_prefer_floor")
    return [Part("Resize", (site.inputs[0],), site.output, attributes)]


def _sizes(site: Site, shape: Shape) -> Shape:
    """Return height and width after a Resize, from its scales or its sizes."""
    rank = len(shape) + 1
    axes = [axis % rank for axis in site.attribute("axes", tuple(range(rank)))]
    if site.has(3):
        wanted = site.integers(3)
        if len(wanted) != len(axes):
            raise UnfitError(f"{len(wanted)} sizes for {len(axes)} axes")
        sizes = dict(enumerate((BATCH_MARK, *shape))) | dict(zip(axes, wanted, strict=True))
        if sizes[0] not in (site.batch, BATCH_MARK) or sizes[1] != shape[0]:
            raise UnfitError("it resizes the batch or the channels")
        return sizes[2], sizes[3]
    values = site.constant(2).reshape(-1)
    if len(values) != len(axes) or values.dtype.kind != "f":
        raise UnfitError(f"{len(values)} scales for {len(axes)} axes")
    scales = dict.fromkeys(range(rank), 1.0)
    scales |= zip(axes, map(float, values), strict=True)
    if scales[0] != 1 or scales[1] != 1:
        raise UnfitError("it resizes the batch or the channels")
    return tuple(_scaled(shape[axis - 1], scales[axis]) for axis in (2, 3))


def _scaled(size: int, scale: float) -> int:
    found = math.floor(size * scale) if 0 < scale < 2**20 else 0
    if found < 1 or abs(found / size - scale) > _SAME_SCALE * scale:
        raise UnfitError(f"a scale of {scale:g}, with which {size} becomes no whole number")
    return found


def _pad(site: Site) -> Sequence[Part]:
    mode = site.attribute("mode", "constant")
    if mode not in _PAD_MODES:
        raise UnfitError(f"mode {mode!a}; {', '.join(_PAD_MODES)} are known")
    widths = site.integers(1)
    rank = len(site.shape()) + 1
    axes = site.integers(3) if site.has(3) else tuple(range(rank))
    if len(widths) != 2 * len(axes):
        raise UnfitError(f"{len(widths)} pads for {len(axes)} axes")
    before, after = [0] * rank, [0] * rank
    for index, axis in enumerate(axes):
        before[axis % rank], after[axis % rank] = widths[index], widths[index + len(axes)]
    if before[0] or after[0]:
        raise UnfitError("it pads the batch axis")
    if min(*before, *after) < 0:
        raise UnfitError("negative pads; cut with Slice")
    attributes = {"pads": (*before[1:], *after[1:]), "mode": mode}
    if mode == "constant":
        attributes["value"] = site.scalar(2) if site.has(2) else 0.0
    return [Part("Pad", (site.inputs[0],), site.output, attributes)]


FORMS: Mapping[str, Callable[[Site], Sequence[Part]]] = {"Pad": _pad, "Resize": _resize}
