"""Transposed convolutions as ordinary ones: sub-pixel convolution, exact up to rounding.

ONNX Runtime Training has no gradient of ConvTranspose on a CPU, but one of Conv. Along one axis,
with stride s and padding p,

    y[s q + r] = sum_d x[q + d] w[r + p - s d]        r = 0 .. s - 1

so that each of the s phases r of the output is a convolution of x by its own taps. All phases are
the channels of one Conv; Reshape and Transpose put them beside each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError
from bitprior_runtime.program import Node, Shape
from bitprior_runtime.shapes import complete_attributes
from bitprior_runtime.tensors import FloatTensor, Tensor


def rewrite_conv_transpose(
    node: Node, shapes: Mapping[str, Shape], tensors: dict[str, Tensor]
) -> Sequence[Node]:
    """Return the nodes that do what a ConvTranspose does; their weights join ``tensors``.

    Raises:
        UsageError: It has groups.
    """
    attributes = complete_attributes(node)
    if attributes["group"] != 1:
        raise UsageError(
            f"ConvTranspose {node.output!r} with one group",
            f"{attributes['group']}",
            "leave the target onnx-training out",
        )
    weight = tensors[node.inputs[1]].values()
    strides, dilations, pads = (
        cast(Shape, attributes[name]) for name in ("strides", "dilations", "pads")
    )
    source, output = shapes[node.inputs[0]], shapes[node.output]
    rows, columns = (
        _axis(
            source[1 + axis],
            output[1 + axis],
            weight.shape[2 + axis],
            strides[axis],
            dilations[axis],
            pads[axis],
        )
        for axis in (0, 1)
    )
    names = [f"{node.inputs[1]}.{node.output}.subpixel"]
    tensors[names[0]] = FloatTensor(_phases(weight, rows, columns))
    if len(node.inputs) == 3:
        names.append(f"{node.inputs[2]}.{node.output}.subpixel")
        bias = tensors[node.inputs[2]].values()
        tensors[names[1]] = FloatTensor(np.tile(bias, rows.stride * columns.stride))
    begin, end = zip(rows.pads, columns.pads, strict=True)
    conv = Node("Conv", (node.inputs[0], *names), f"{node.output}.phases", {"pads": begin + end})
    return [conv, *_interleaved(conv.output, node.output, output[0], rows, columns)]


@dataclass(frozen=True)
class _Axis:
    """Sub-pixel geometry along one axis.

    Attributes:
        stride: Phases s.
        taps: For each phase, which tap of the weight each place of the new kernel has; -1: none.
        pads: Zeros before and behind.
        size: Values of each phase.
        wanted: Values of the output; the last phases may have one too many.
    """

    stride: int
    taps: NDArray[np.intp]
    pads: tuple[int, int]
    size: int
    wanted: int


def _axis(size: int, wanted: int, taps: int, stride: int, dilation: int, pad: int) -> _Axis:
    extent = (taps - 1) * dilation + 1
    count = -(-wanted // stride)
    first = min(0, -((extent - 1 - pad) // stride))
    last = max((stride - 1 + pad) // stride, size - count)
    phases, shifts = np.arange(stride)[:, np.newaxis], np.arange(first, last + 1)
    place = phases + pad - stride * shifts
    exists = (place >= 0) & (place < extent) & (place % dilation == 0)
    return _Axis(
        stride,
        np.where(exists, place // dilation, -1),
        (-first, count - size + last),
        count,
        wanted,
    )


def _phases(weight: NDArray[np.float32], rows: _Axis, columns: _Axis) -> NDArray[np.float32]:
    """Return the kernel [s s O, I, kh, kw] of all phases from [I, O, kh, kw]."""
    # One zero more behind the last tap: that is where -1 points.
    padded = np.pad(weight, ((0, 0), (0, 0), (0, 1), (0, 1)))
    taps = padded[:, :, rows.taps[:, np.newaxis, :, np.newaxis], columns.taps[:, np.newaxis, :]]
    kernel = taps.transpose(2, 3, 1, 0, 4, 5)
    return np.ascontiguousarray(kernel.reshape(-1, *kernel.shape[3:]))


def _interleaved(
    source: str, output: str, channels: int, rows: _Axis, columns: _Axis
) -> Sequence[Node]:
    """Put value q of phase r at s q + r, on both axes."""
    high, wide = rows.size * rows.stride, columns.size * columns.stride
    apart = (rows.stride, columns.stride, channels, rows.size, columns.size)
    nodes = [
        Node("Reshape", (source,), f"{output}.apart", {"shape": apart}),
        Node("Transpose", (f"{output}.apart",), f"{output}.mixed", {"perm": (0, 3, 4, 1, 5, 2)}),
        Node("Reshape", (f"{output}.mixed",), output, {"shape": (channels, high, wide)}),
    ]
    if (high, wide) != (rows.wanted, columns.wanted):
        nodes[2] = replace(nodes[2], output=f"{output}.whole")
        ends = {"starts": (0, 0), "ends": (rows.wanted, columns.wanted)}
        attributes = {**ends, "axes": (2, 3), "steps": (1, 1)}
        nodes.append(Node("Slice", (f"{output}.whole",), output, attributes))
    return nodes
