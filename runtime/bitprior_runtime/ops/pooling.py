"""AveragePool over the two spatial axes: a mean over each window of a grid of windows."""

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import cast

import numpy as np

from bitprior_runtime.ops import separable
from bitprior_runtime.ops.base import Array, Attributes, Op, Operand, refuse, take
from bitprior_runtime.program import Attribute, Shape

_DEFAULTS: dict[str, Attribute] = {
    "kernel_shape": (),
    "strides": (1, 1),
    "pads": (0, 0, 0, 0),  # top, left, bottom, right
    "count_include_pad": 0,
}


def _infer(operands: Sequence[Operand], attributes: Attributes) -> Shape:
    (operand,) = take(operands, 1, 1, "AveragePool")
    if operand.constant or len(operand.shape) != 3:
        raise refuse("AveragePool of an activation [batch, C, H, W]", f"shape {operand.shape}")
    for name, length, least in (("kernel_shape", 2, 1), ("strides", 2, 1), ("pads", 4, 0)):
        value = cast(Shape, attributes[name])
        if len(value) != length or min(value) < least:
            raise refuse(f"AveragePool with {length} {name} of at least {least}", f"{value}")
    kernel, pads = cast(Shape, attributes["kernel_shape"]), cast(Shape, attributes["pads"])
    if any(pad >= size for pad, size in zip(pads, (*kernel, *kernel), strict=True)):
        raise refuse(f"AveragePool with pads smaller than its kernel {kernel}", f"{pads}")
    strides = cast(Shape, attributes["strides"])
    height, width = (
        (operand.shape[i + 1] + pads[i] + pads[i + 2] - kernel[i]) // strides[i] + 1 for i in (0, 1)
    )
    separable.check_sizes("AveragePool", (*operand.shape[1:], height, width))
    return (operand.shape[0], height, width)


def matrices(shape: Shape, attributes: Attributes) -> separable.Matrices:
    """Return the averaging matrices of the two spatial axes.

    The count of the pixels in a window is the product of its counts along both axes, with the
    padding (count_include_pad) or without: so means are taken one axis at a time.

    Args:
        shape: [C,H,W] of the input.
        attributes: All of the op's attributes.
    """
    kernel, strides = cast(Shape, attributes["kernel_shape"]), cast(Shape, attributes["strides"])
    pads, padding_counts = cast(Shape, attributes["pads"]), bool(attributes["count_include_pad"])
    return {
        i + 2: averaging(
            shape[i + 1], kernel[i], strides[i], (pads[i], pads[i + 2]), padding_counts
        )
        for i in (0, 1)
    }


@lru_cache(maxsize=16)
def averaging(
    size: int, kernel: int, stride: int, pads: tuple[int, int], padding_counts: bool
) -> Array:
    """Return the matrix [windows, size] whose rows are the means over the windows of a line."""
    count = (size + sum(pads) - kernel) // stride + 1
    first = np.arange(count)[:, np.newaxis] * stride - pads[0]
    position = np.arange(size)
    matrix = ((position >= first) & (position < first + kernel)).astype(np.float64)
    matrix /= kernel if padding_counts else matrix.sum(axis=1, keepdims=True)
    matrix.flags.writeable = False
    return matrix


OPS = {
    "AveragePool": Op(
        _infer, partial(separable.forward, matrices), separable.vjp_of(matrices), _DEFAULTS
    )
}
