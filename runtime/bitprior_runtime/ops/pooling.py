"""AveragePool and MaxPool over the two spatial axes: the mean or maximum over each window."""

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import cast

import numpy as np

from bitprior_runtime.ops import separable
from bitprior_runtime.ops.base import Array, Attributes, Op, Operand, refuse, take
from bitprior_runtime.ops.convolution import Geometry, gather, spread
from bitprior_runtime.program import Attribute, Shape

_WINDOWS: dict[str, Attribute] = {
    "kernel_shape": (),
    "strides": (1, 1),
    "pads": (0, 0, 0, 0),  # top, left, bottom, right
}
# MaxPool looks at the pixels of a window one after the other.
MAX_KERNEL = 32


def _infer(op: str, operands: Sequence[Operand], attributes: Attributes) -> Shape:
    (operand,) = take(operands, 1, 1, op)
    if operand.constant or len(operand.shape) != 3:
        raise refuse(f"{op} of an activation [batch, C, H, W]", f"shape {operand.shape}")
    for name, length, least in (("kernel_shape", 2, 1), ("strides", 2, 1), ("pads", 4, 0)):
        value = cast(Shape, attributes[name])
        if len(value) != length or min(value) < least:
            raise refuse(f"{op} with {length} {name} of at least {least}", f"{value}")
    windows = geometry(attributes)
    kernel, pads = windows.kernel, windows.pads
    if any(pad >= size for pad, size in zip(pads, (*kernel, *kernel), strict=True)):
        raise refuse(f"{op} with pads smaller than its kernel {kernel}", f"{pads}")
    channels, height, width = operand.shape
    sizes = windows.patches(height, width)
    if op == "AveragePool":
        separable.check_sizes(op, (height, width, *sizes))
    elif max(kernel) > MAX_KERNEL:
        raise refuse(f"{op} with a kernel of at most {MAX_KERNEL} pixels a side", f"{kernel}")
    windows.check(op, height, width)
    return (channels, *sizes)


def geometry(attributes: Attributes) -> Geometry:
    """Return where the windows of a pool lie."""
    return Geometry(
        kernel=cast(tuple[int, int], attributes["kernel_shape"]),
        strides=cast(tuple[int, int], attributes["strides"]),
        pads=cast(tuple[int, int, int, int], attributes["pads"]),
        dilations=(1, 1),
        group=1,
    )


def matrices(shape: Shape, attributes: Attributes) -> separable.Matrices:
    """Return the averaging matrices of the two spatial axes.

    The count of the pixels in a window is the product of its counts along both axes, with the
    padding (count_include_pad) or without: so means are taken one axis at a time.

    Args:
        shape: [C,H,W] of the input.
        attributes: All of the op's attributes.
    """
    windows, padding_counts = geometry(attributes), bool(attributes["count_include_pad"])
    kernel, strides, pads = windows.kernel, windows.strides, windows.pads
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


def _max(inputs: Sequence[Array], attributes: Attributes) -> Array:
    windows = gather(inputs[0], geometry(attributes), fill=-np.inf)
    return cast(Array, windows.max(axis=2))


def _max_vjp(
    cotangent: Array, inputs: Sequence[Array], output: Array, attributes: Attributes, index: int
) -> Array:
    """Give the cotangent to the largest pixel of each window, the first of equal ones."""
    x, where = inputs[0], geometry(attributes)
    windows = gather(x, where, fill=-np.inf)
    shares = np.zeros_like(windows)
    largest = windows.argmax(axis=2)[:, :, np.newaxis]
    np.put_along_axis(shares, largest, cotangent[:, :, np.newaxis], axis=2)
    return spread(shares, where, (x.shape[2], x.shape[3]))


OPS = {
    "AveragePool": Op(
        partial(_infer, "AveragePool"),
        partial(separable.forward, matrices),
        separable.vjp_of(matrices),
        {**_WINDOWS, "count_include_pad": 0},
    ),
    "MaxPool": Op(partial(_infer, "MaxPool"), _max, _max_vjp, _WINDOWS),
}
