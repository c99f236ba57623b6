"""Ops that act on each axis by a matrix: the cotangent times the transposed matrices."""

import math
from collections.abc import Mapping
from functools import partial

import numpy as np

from bitprior_export.graphs.adjoint.call import Call, Rule
from bitprior_export.graphs.operands import emit_reshape
from bitprior_runtime.ops import padding, pooling, resize
from bitprior_runtime.ops.base import Array
from bitprior_runtime.ops.separable import MatricesRule
from bitprior_runtime.program import Shape
from bitprior_runtime.shapes import complete_attributes


def _separable(rule: MatricesRule, call: Call) -> str:
    value, sizes = call.cotangent, list(call.output_shape)
    for axis, matrix in rule(call.shape(0), complete_attributes(call.node)).items():
        value = _along(call, value, tuple(sizes), matrix.T.astype(np.float32), axis)
        sizes[axis - 1] = matrix.shape[1]
    return value


def _along(call: Call, value: str, shape: Shape, matrix: Array, axis: int) -> str:
    """Multiply every line of [batch, *shape] along ``axis`` by ``matrix`` [size out, size in]."""
    builder, rank = call.builder, len(shape)
    if axis == rank:
        return builder.add("MatMul", [value, builder.constant(matrix.T, "columns")])
    rows = builder.constant(matrix, "rows")
    if axis == rank - 1:
        return builder.add("MatMul", [rows, value])
    before, after = shape[: axis - 1], shape[axis:]
    planes = (math.prod(before), shape[axis - 1], math.prod(after))
    product = builder.add("MatMul", [rows, emit_reshape(builder, value, planes)])
    return emit_reshape(builder, product, (*before, len(matrix), *after))


def _pad(call: Call) -> str:
    """Take what lies inside constant padding; reflected or repeated, it goes back by matrices."""
    if call.attribute("mode") != "constant":
        return _separable(padding.matrices, call)
    builder, kept = call.builder, padding.inner(call.shape(0), complete_attributes(call.node))
    starts = builder.integers([part.start for part in kept], "starts")
    ends = builder.integers([part.stop for part in kept], "ends")
    axes = builder.integers(range(1, len(kept) + 1), "axes")
    return builder.add("Slice", [call.cotangent, starts, ends, axes])


RULES: Mapping[str, Rule] = {
    "Resize": partial(_separable, resize.matrices),
    "AveragePool": partial(_separable, pooling.matrices),
    "Pad": _pad,
}
