"""Conv and ConvTranspose over two spatial axes: each is the other's adjoint on the same weight.

Two linear maps do all the work, both as one matrix product over unrolled patches (im2col):
``correlate`` gathers patches and multiplies by the weight; ``scatter``, its adjoint, multiplies by
the transposed weight and adds the patches back where they came from. Large maps are worked through
in strips of rows: their patches never take more than STRIP_BYTES.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from bitprior_runtime.ops.base import (
    Array,
    Attributes,
    Op,
    Operand,
    check_windows,
    refuse,
    take,
)
from bitprior_runtime.program import Attribute, Shape

# Patches of a convolution that are in memory at a time.
STRIP_BYTES = 32 * 2**20

_DEFAULTS: dict[str, Attribute] = {
    "strides": (1, 1),
    "pads": (0, 0, 0, 0),  # top, left, bottom, right
    "dilations": (1, 1),
    "group": 1,
}


@dataclass(frozen=True)
class Geometry:
    """Where the patches of a convolution lie.

    Attributes:
        kernel: Height and width of the kernel.
        strides: Steps between patches.
        pads: Zeros added at top, left, bottom and right of the dense side.
        dilations: Steps between the taps of a kernel.
        group: Groups of channels that do not mix.
    """

    kernel: tuple[int, int]
    strides: tuple[int, int]
    pads: tuple[int, int, int, int]
    dilations: tuple[int, int]
    group: int

    def patches(self, height: int, width: int) -> tuple[int, int]:
        """Return how many patches fit on a dense side of that size, by rows and columns."""
        sizes = self.padded(height, width)
        spans = self._spans()
        rows, columns = (
            (size - span) // stride + 1
            for size, span, stride in zip(sizes, spans, self.strides, strict=True)
        )
        return rows, columns

    def dense(self, rows: int, columns: int, extra: tuple[int, int]) -> tuple[int, int]:
        """Return the dense side that so many patches came from, ``extra`` added at its end."""
        padding = (self.pads[0] + self.pads[2], self.pads[1] + self.pads[3])
        height, width = (
            (count - 1) * stride + span - pad + more
            for count, stride, span, pad, more in zip(
                (rows, columns), self.strides, self._spans(), padding, extra, strict=True
            )
        )
        return height, width

    def padded(self, height: int, width: int) -> tuple[int, int]:
        """Return a dense side with its padding."""
        return height + self.pads[0] + self.pads[2], width + self.pads[1] + self.pads[3]

    def check(self, op: str, height: int, width: int) -> None:
        """Check the windows over a dense side of that size.

        Raises:
            ProgramError: A side that is too long, or a step longer than its side.
        """
        check_windows(op, self.padded(height, width), self.strides, self.dilations)

    def _spans(self) -> tuple[int, int]:
        height, width = (
            (taps - 1) * step + 1 for taps, step in zip(self.kernel, self.dilations, strict=True)
        )
        return height, width

    def taps(self) -> list[tuple[int, int]]:
        """Return the offset of each tap of the kernel, row by row."""
        return [
            (i * self.dilations[0], j * self.dilations[1])
            for i in range(self.kernel[0])
            for j in range(self.kernel[1])
        ]


def gather(x: Array, geometry: Geometry, fill: float = 0.0) -> Array:
    """Return the patches [B,C,taps,R,S] of x [B,C,H,W] padded with ``fill``."""
    rows, _ = geometry.patches(*x.shape[2:])
    return _gathered(_padded(x, geometry, fill), geometry, range(rows), x.shape)


def _padded(x: Array, geometry: Geometry, fill: float = 0.0) -> Array:
    top, left, bottom, right = geometry.pads
    around = ((0, 0), (0, 0), (top, bottom), (left, right))
    return np.pad(x, around, constant_values=fill)


def _gathered(padded: Array, geometry: Geometry, strip: range, shape: Shape) -> Array:
    """Return the patches [B,C,taps,rows,S] of a strip of rows; ``shape`` is that of x [B,C,H,W]."""
    _, columns = geometry.patches(shape[2], shape[3])
    taps = geometry.taps()
    patches = np.empty((*shape[:2], len(taps), len(strip), columns), dtype=padded.dtype)
    for index, tap in enumerate(taps):
        patches[:, :, index] = padded[_places(geometry, strip, columns, tap)]
    return patches


def _places(
    geometry: Geometry, strip: range, columns: int, tap: tuple[int, int]
) -> tuple[slice, slice, slice, slice]:
    """Return where a tap of a strip of patches lies on the padded side."""
    down, across = geometry.strides
    top, left = strip.start * down + tap[0], tap[1]
    rows = slice(top, top + (len(strip) - 1) * down + 1, down)
    return slice(None), slice(None), rows, slice(left, left + (columns - 1) * across + 1, across)


def _strips(rows: int, row_bytes: int) -> Iterator[range]:
    """Yield strips of rows whose patches take at most STRIP_BYTES, or one row."""
    step = max(1, STRIP_BYTES // row_bytes)
    for first in range(0, rows, step):
        yield range(first, min(first + step, rows))


def spread(patches: Array, geometry: Geometry, size: tuple[int, int]) -> Array:
    """Return the adjoint of :func:`gather` at patches [B,C,taps,R,S]: x [B,C,H,W] of that size."""
    batch, channels, _, rows, _ = patches.shape
    padded = np.zeros((batch, channels, *geometry.padded(*size)), dtype=patches.dtype)
    _add(padded, patches, geometry, range(rows))
    return _cropped(padded, geometry, size)


def _add(padded: Array, patches: Array, geometry: Geometry, strip: range) -> None:
    for index, tap in enumerate(geometry.taps()):
        padded[_places(geometry, strip, patches.shape[4], tap)] += patches[:, :, index]


def _cropped(padded: Array, geometry: Geometry, size: tuple[int, int]) -> Array:
    top, left, *_ = geometry.pads
    return padded[:, :, top : top + size[0], left : left + size[1]]


def correlate(x: Array, weight: Array, geometry: Geometry) -> Array:
    """Return y [B,O,R,S] of x [B,C,H,W] and weight [O,C/group,kh,kw]: ONNX Conv without a bias."""
    batch, outputs = len(x), len(weight)
    rows, columns = geometry.patches(*x.shape[2:])
    padded = _padded(x, geometry)
    matrix = weight.reshape(geometry.group, outputs // geometry.group, -1)
    y = np.empty((batch, outputs, rows, columns), dtype=np.result_type(x, weight))
    for strip in _strips(rows, _row_bytes(batch, x.shape[1], geometry, columns, y)):
        patches = _gathered(padded, geometry, strip, x.shape)
        product = np.matmul(
            matrix, patches.reshape(batch, geometry.group, -1, len(strip) * columns)
        )
        y[:, :, strip.start : strip.stop] = product.reshape(batch, outputs, -1, columns)
    return y


def scatter(y: Array, weight: Array, geometry: Geometry, size: tuple[int, int]) -> Array:
    """Return the adjoint of :func:`correlate` at y [B,O,R,S]: x [B,C,H,W] of the given size."""
    batch, outputs, rows, columns = y.shape
    matrix = weight.reshape(geometry.group, outputs // geometry.group, -1).transpose(0, 2, 1)
    taps = geometry.kernel[0] * geometry.kernel[1]
    channels = geometry.group * matrix.shape[1] // taps
    padded = np.zeros((batch, channels, *geometry.padded(*size)), np.result_type(y, weight))
    for strip in _strips(rows, _row_bytes(batch, channels, geometry, columns, padded)):
        part = y[:, :, strip.start : strip.stop]
        grouped = part.reshape(batch, geometry.group, -1, len(strip) * columns)
        patches = np.matmul(matrix, grouped)
        _add(padded, patches.reshape(batch, channels, taps, -1, columns), geometry, strip)
    return _cropped(padded, geometry, size)


def _row_bytes(batch: int, channels: int, geometry: Geometry, columns: int, values: Array) -> int:
    """Return the bytes of the patches of one row."""
    taps = geometry.kernel[0] * geometry.kernel[1]
    return batch * channels * taps * columns * values.itemsize


def geometry(weight: Shape, attributes: Attributes) -> Geometry:
    """Return where the patches of a convolution lie, from its weight's shape and attributes."""
    return Geometry(
        kernel=cast(tuple[int, int], tuple(weight[2:])),
        strides=cast(tuple[int, int], attributes["strides"]),
        pads=cast(tuple[int, int, int, int], attributes["pads"]),
        dilations=cast(tuple[int, int], attributes["dilations"]),
        group=cast(int, attributes["group"]),
    )


def _check(operands: Sequence[Operand], attributes: Attributes, op: str) -> Geometry:
    x, weight, *_ = take(operands, 2, 3, op)
    if x.constant or not weight.constant:
        raise refuse(f"{op} of an activation with a constant weight", "another arrangement")
    if len(x.shape) != 3 or len(weight.shape) != 4:
        raise refuse(f"{op} of [batch, C, H, W]", f"shapes {x.shape} and {weight.shape}")
    for name, length, least in (("strides", 2, 1), ("pads", 4, 0), ("dilations", 2, 1)):
        value = cast(Shape, attributes[name])
        if len(value) != length or min(value) < least:
            raise refuse(f"{op} with {length} {name} of at least {least}", f"{value}")
    group = cast(int, attributes["group"])
    if group < 1 or weight.shape[0] % group:
        raise refuse(f"{op} with a group that divides {weight.shape[0]}", f"{group}")
    return geometry(weight.shape, attributes)


def _check_bias(operands: Sequence[Operand], channels: int, op: str) -> None:
    for bias in operands[2:]:
        if not bias.constant or bias.shape != (channels,):
            raise refuse(f"{op} with a constant bias of {channels} values", f"shape {bias.shape}")


def _conv_infer(operands: Sequence[Operand], attributes: Attributes) -> Shape:
    where = _check(operands, attributes, "Conv")
    channels, height, width = operands[0].shape
    outputs, inner, *_ = operands[1].shape
    if channels != inner * where.group:
        raise refuse(f"Conv of {inner * where.group} channels", f"{channels}")
    _check_bias(operands, outputs, "Conv")
    where.check("Conv", height, width)
    return (outputs, *where.patches(height, width))


def _conv(inputs: Sequence[Array], attributes: Attributes) -> Array:
    output = correlate(inputs[0], inputs[1], geometry(inputs[1].shape, attributes))
    return _add_bias(output, inputs)


def _conv_vjp(
    cotangent: Array, inputs: Sequence[Array], output: Array, attributes: Attributes, index: int
) -> Array:
    x, weight, *_ = inputs
    size = (x.shape[2], x.shape[3])
    return scatter(cotangent, weight, geometry(weight.shape, attributes), size)


def _conv_transpose_infer(operands: Sequence[Operand], attributes: Attributes) -> Shape:
    where = _check(operands, attributes, "ConvTranspose")
    channels, rows, columns = operands[0].shape
    inner, outputs, *_ = operands[1].shape
    extra = cast(tuple[int, int], attributes["output_padding"])
    if channels != inner:
        raise refuse(f"ConvTranspose of {inner} channels", f"{channels}")
    if len(extra) != 2 or any(
        not 0 <= more < max(step, tap)
        for more, step, tap in zip(extra, where.strides, where.dilations, strict=True)
    ):
        raise refuse("ConvTranspose with 2 output_padding below the strides", f"{extra}")
    _check_bias(operands, outputs * where.group, "ConvTranspose")
    height, width = where.dense(rows, columns, extra)
    where.check("ConvTranspose", height, width)
    return (outputs * where.group, height, width)


def _conv_transpose(inputs: Sequence[Array], attributes: Attributes) -> Array:
    x, weight, *_ = inputs
    where = geometry(weight.shape, attributes)
    extra = cast(tuple[int, int], attributes["output_padding"])
    size = where.dense(x.shape[2], x.shape[3], extra)
    return _add_bias(scatter(x, weight, where, size), inputs)


def _conv_transpose_vjp(
    cotangent: Array, inputs: Sequence[Array], output: Array, attributes: Attributes, index: int
) -> Array:
    x, weight, *_ = inputs
    found = correlate(cotangent, weight, geometry(weight.shape, attributes))
    # With output_padding the dense side may have room for one patch more than there were.
    return found[:, :, : x.shape[2], : x.shape[3]]


def _add_bias(output: Array, inputs: Sequence[Array]) -> Array:
    if len(inputs) == 3:
        output = output + inputs[2].reshape(1, -1, 1, 1)
    return output


OPS = {
    "Conv": Op(_conv_infer, _conv, _conv_vjp, _DEFAULTS),
    "ConvTranspose": Op(
        _conv_transpose_infer,
        _conv_transpose,
        _conv_transpose_vjp,
        {**_DEFAULTS, "output_padding": (0, 0)},
    ),
}
