"""Convolutions and pooling: pads that are worked out, kernels that are said twice."""

from collections.abc import Callable, Mapping, Sequence

from bitprior_export.qonnx.site import Part, Site
from bitprior_export.qonnx.values import UnfitError
from bitprior_runtime.program import Attribute, Shape

_AXES = 2
_ONES = (1,) * _AXES
_SAME = ("SAME_UPPER", "SAME_LOWER")


def _convolution(site: Site) -> Sequence[Part]:
    kernel = _kernel(site)
    if len(site.shape()) != _AXES + 1:
        raise UnfitError(f"an input of shape {site.shape()}; only images [C,H,W] are known")
    attributes = site.attributes("auto_pad", "kernel_shape")
    attributes |= _automatic_pads(site, kernel, site.shape())
    return [Part(site.op, tuple(site.inputs), site.output, attributes)]


def _transposed(site: Site) -> Sequence[Part]:
    kernel = _kernel(site)
    attributes = site.attributes("auto_pad", "kernel_shape", "output_shape")
    wanted = site.attribute("output_shape")
    if len(site.shape()) != _AXES + 1 or (wanted is not None and len(wanted) < _AXES):
        raise UnfitError(f"an output_shape {wanted} of an input {site.shape()}")
    strides = site.sizes("strides", _ONES)
    source = site.shape()[1:]
    mode = site.attribute("auto_pad", "NOTSET")
    if wanted is not None or mode in _SAME:
        sizes = wanted or tuple(size * step for size, step in zip(source, strides, strict=True))
        attributes["pads"] = _transposed_pads(site, kernel, sizes[-_AXES:], mode)
    elif mode == "VALID":
        attributes["pads"] = (0,) * (2 * _AXES)
    elif mode != "NOTSET":
        raise UnfitError(f"auto_pad {mode!a}")
    return [Part(site.op, tuple(site.inputs), site.output, attributes)]


def _transposed_pads(site: Site, kernel: Shape, sizes: Shape, mode: str) -> Shape:
    """Return the pads with which ConvTranspose has an output of some size, as ONNX splits them."""
    strides = site.sizes("strides", _ONES)
    dilations = site.sizes("dilations", _ONES)
    extra = site.sizes("output_padding", (0,) * _AXES)
    totals = [
        step * (size - 1) + more + (width - 1) * apart + 1 - wanted
        for step, size, more, width, apart, wanted in zip(
            strides, site.shape()[1:], extra, kernel, dilations, sizes, strict=True
        )
    ]
    if min(totals) < 0:
        raise UnfitError(f"an output of size {list(sizes)}, larger than it can have")
    less = [total // 2 for total in totals]
    more = [total - half for total, half in zip(totals, less, strict=True)]
    return (*less, *more) if mode == "SAME_UPPER" else (*more, *less)


def _pooling(site: Site) -> Sequence[Part]:
    kernel = site.attribute("kernel_shape", ())
    shape = site.shape()
    if len(kernel) != _AXES or len(shape) != _AXES + 1:
        raise UnfitError(f"a window {kernel} over shape {shape}; only images [C,H,W] are pooled")
    attributes = site.attributes("auto_pad", "ceil_mode", "dilations", "storage_order")
    if site.attribute("ceil_mode", 0) and _rounds(site, kernel):
        raise UnfitError("ceil_mode, and windows that reach over the edge")
    if set(site.attribute("dilations", (1,))) != {1} or site.attribute("storage_order", 0):
        raise UnfitError("dilations or a storage_order")
    attributes |= _automatic_pads(site, kernel, shape)
    return [Part(site.op, tuple(site.inputs), site.outputs[0], attributes)]


def _rounds(site: Site, kernel: Shape) -> bool:
    """Return whether the windows do not fill the image exactly."""
    strides = site.sizes("strides", _ONES)
    pads = site.sizes("pads", (0,) * (2 * _AXES))
    return any(
        (size + pads[axis] + pads[axis + _AXES] - width) % step
        for axis, (size, width, step) in enumerate(
            zip(site.shape()[1:], kernel, strides, strict=True)
        )
    )


def _kernel(site: Site) -> Shape:
    """Return the kernel's size, which ONNX lets an attribute repeat."""
    weight = site.constant_shape(1)
    if len(weight) != _AXES + 2:
        raise UnfitError(f"a {len(weight) - 2}-D convolution; only 2-D ones are known")
    kernel = weight[2:]
    said = site.attribute("kernel_shape", kernel)
    if tuple(said) != kernel:
        raise UnfitError(f"its kernel_shape {said} is not that of its weight")
    return kernel


def _automatic_pads(site: Site, kernel: Shape, shape: Shape) -> dict[str, Attribute]:
    """Return the pads that auto_pad asks for, as ONNX defines it for Conv and pooling."""
    mode = site.attribute("auto_pad", "NOTSET")
    if mode == "NOTSET":
        return {}
    if mode == "VALID":
        return {"pads": (0,) * (2 * _AXES)}
    if mode not in _SAME:
        raise UnfitError(f"auto_pad {mode!a}")
    strides = site.sizes("strides", _ONES)
    dilations = site.sizes("dilations", _ONES)
    totals = [
        max(0, (-(-size // step) - 1) * step + (width - 1) * apart + 1 - size)
        for size, step, width, apart in zip(shape[1:], strides, kernel, dilations, strict=True)
    ]
    less = [total // 2 for total in totals]
    more = [total - half for total, half in zip(totals, less, strict=True)]
    return {"pads": (*less, *more) if mode == "SAME_UPPER" else (*more, *less)}


FORMS: Mapping[str, Callable[[Site], Sequence[Part]]] = {
    "AveragePool": _pooling,
    "Conv": _convolution,
    "ConvTranspose": _transposed,
    "MaxPool": _pooling,
}
