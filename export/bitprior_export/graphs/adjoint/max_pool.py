"""MaxPool: the cotangent of a window goes to its largest pixel, to the first of equal ones."""

from collections.abc import Mapping

import numpy as np

from bitprior_export.graphs.adjoint.call import Call, Rule
from bitprior_export.graphs.adjoint.linear import emit_scatter
from bitprior_runtime.ops.convolution import Geometry
from bitprior_runtime.ops.pooling import geometry
from bitprior_runtime.shapes import complete_attributes


def _max_pool(call: Call) -> str:
    """Compare each pixel of the windows with the maximum, then put the shares back in place."""
    builder, where = call.builder, geometry(complete_attributes(call.node))
    top, left, bottom, right = where.pads
    pads = builder.integers([0, 0, top, left, 0, 0, bottom, right], "pads")
    padded = builder.add("Pad", [call.input(0), pads, builder.scalar(-np.inf, "lowest")])
    zero, axis = builder.scalar(0.0, "zero"), builder.integers([2], "axis")
    shares, taken = [], ""
    for tap in where.taps():
        largest = builder.add("Equal", [_pixels(call, padded, where, tap), call.output])
        first = largest
        if taken:
            first = builder.add("And", [largest, builder.add("Not", [taken])])
        taken = builder.add("Or", [taken, largest]) if taken else largest
        share = builder.add("Where", [first, call.cotangent, zero])
        shares.append(builder.add("Unsqueeze", [share, axis]))
    return _put_back(call, builder.add("Concat", shares, axis=2), where)


def _pixels(call: Call, padded: str, where: Geometry, tap: tuple[int, int]) -> str:
    """Return the pixel at the offset ``tap`` of every window."""
    builder, counts = call.builder, call.output_shape[1:]
    ends = [
        start + (count - 1) * stride + 1
        for start, count, stride in zip(tap, counts, where.strides, strict=True)
    ]
    bounds = [builder.integers(tap, "starts"), builder.integers(ends, "ends")]
    axes, steps = builder.integers([2, 3], "axes"), builder.integers(where.strides, "steps")
    return builder.add("Slice", [padded, *bounds, axes, steps])


def _put_back(call: Call, shares: str, where: Geometry) -> str:
    """Add [batch, C, taps, R, S] to the pixels they belong to: a sparse ConvTranspose."""
    builder, (channels, *counts) = call.builder, call.output_shape
    taps = where.kernel[0] * where.kernel[1]
    target = builder.integers([0, channels * taps, *counts], "shape")
    stacked = builder.add("Reshape", [shares, target])
    single = np.eye(taps, dtype=np.float32).reshape(taps, 1, *where.kernel)
    weight = builder.constant(np.tile(single, (channels, 1, 1, 1)), "taps")
    placed = Geometry(where.kernel, where.strides, where.pads, where.dilations, group=channels)
    return emit_scatter(call, stacked, weight, placed)


RULES: Mapping[str, Rule] = {"MaxPool": _max_pool}
