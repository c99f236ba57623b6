"""ReduceSum, ReduceMean and GlobalAveragePool: the cotangent spread over what was summed."""

from collections.abc import Mapping
from typing import cast

import numpy as np

from bitprior_export.graphs.adjoint.call import Call, Rule
from bitprior_export.graphs.operands import emit_reshape
from bitprior_runtime.ops.reduction import factor, reduced_shape, spatial_axes
from bitprior_runtime.program import Shape


def _reduce(call: Call) -> str:
    axes, shape = cast(Shape, call.attribute("axes")), call.shape(0)
    value = call.cotangent
    if not call.attribute("keepdims"):
        value = emit_reshape(call.builder, value, reduced_shape(shape, axes))
    return _spread(call, value, factor(call.node.op, shape, axes))


def _global_average_pool(call: Call) -> str:
    shape = call.shape(0)
    return _spread(call, call.cotangent, factor("ReduceMean", shape, spatial_axes(shape)))


def _spread(call: Call, value: str, weight: float) -> str:
    """Repeat along the axes of size 1 and multiply."""
    weights = np.full((1, *call.shape(0)), weight, dtype=np.float32)
    return call.builder.add("Mul", [value, call.builder.constant(weights, "spread")])


RULES: Mapping[str, Rule] = {
    "ReduceSum": _reduce,
    "ReduceMean": _reduce,
    "GlobalAveragePool": _global_average_pool,
}
