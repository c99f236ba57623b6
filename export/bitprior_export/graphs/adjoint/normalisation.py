"""InstanceNormalization: scale / deviation (c - mean(c) - n mean(c n)), n the normalised input."""

from collections.abc import Mapping
from typing import cast

from bitprior_export.graphs.adjoint.call import Call, Rule
from bitprior_runtime.ops.reduction import spatial_axes


def _instance_normalization(call: Call) -> str:
    builder = call.builder
    axes = builder.integers(spatial_axes(call.shape(0)), "axes")
    epsilon = builder.scalar(cast(float, call.attribute("epsilon")), "epsilon")

    def mean(value: str) -> str:
        return builder.add("ReduceMean", [value, axes], keepdims=1)

    def product(first: str, second: str) -> str:
        return builder.add("Mul", [first, second])

    centred = builder.add("Sub", [call.input(0), mean(call.input(0))])
    variance = builder.add("Add", [mean(product(centred, centred)), epsilon])
    deviation = builder.add("Sqrt", [variance])
    normal = builder.add("Div", [centred, deviation])
    level = builder.add("Sub", [call.cotangent, mean(call.cotangent)])
    along = product(normal, mean(product(call.cotangent, normal)))
    shape = builder.integers([1, -1, *[1] * (len(call.shape(0)) - 1)], "shape")
    scale = builder.add("Reshape", [call.input(1), shape])
    return product(builder.add("Sub", [level, along]), builder.add("Div", [scale, deviation]))


RULES: Mapping[str, Rule] = {"InstanceNormalization": _instance_normalization}
