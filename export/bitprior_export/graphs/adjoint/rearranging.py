"""Transpose, DepthToSpace and SpaceToDepth: the cotangent put back in the old order."""

from collections.abc import Mapping
from typing import cast

import numpy as np

from bitprior_export.graphs.adjoint.call import Call, Rule
from bitprior_runtime.ops.rearranging import inverse
from bitprior_runtime.program import Shape
from bitprior_runtime.shapes import complete_attributes


def _transpose(call: Call) -> str:
    perm = inverse(cast(Shape, call.attribute("perm")))
    return call.builder.add("Transpose", [call.cotangent], perm=perm)


def _depth_to_space(call: Call) -> str:
    """SpaceToDepth, whose depths come in the order of mode DCR, at any frame."""
    attributes = complete_attributes(call.node)
    size = cast(int, attributes["blocksize"])
    apart = call.builder.add("SpaceToDepth", [call.cotangent], blocksize=size)
    channels = call.output_shape[0]
    if attributes["mode"] == "DCR" or channels == 1:
        return apart
    order = np.arange(size * size * channels).reshape(size * size, channels).T.ravel().tolist()
    return call.builder.add("Gather", [apart, call.builder.integers(order, "order")], axis=1)


def _space_to_depth(call: Call) -> str:
    size = cast(int, call.attribute("blocksize"))
    return call.builder.add("DepthToSpace", [call.cotangent], blocksize=size, mode="DCR")


RULES: Mapping[str, Rule] = {
    "Transpose": _transpose,
    "DepthToSpace": _depth_to_space,
    "SpaceToDepth": _space_to_depth,
}
