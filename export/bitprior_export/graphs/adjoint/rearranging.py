"""Transpose, DepthToSpace and SpaceToDepth: the cotangent put back in the old order."""

from collections.abc import Mapping
from typing import cast

from bitprior_export.graphs.adjoint.call import Call, Rule
from bitprior_export.graphs.operands import emit_reshape
from bitprior_runtime.ops.rearranging import blocks, inverse
from bitprior_runtime.program import Shape
from bitprior_runtime.shapes import complete_attributes


def _transpose(call: Call) -> str:
    perm = inverse(cast(Shape, call.attribute("perm")))
    return call.builder.add("Transpose", [call.cotangent], perm=perm)


def _blocks(call: Call) -> str:
    attributes = complete_attributes(call.node)
    split, perm, _ = blocks(call.node.op, call.shape(0), attributes)
    moved = tuple(split[axis - 1] for axis in perm[1:])
    apart = emit_reshape(call.builder, call.cotangent, moved)
    ordered = call.builder.add("Transpose", [apart], perm=inverse(perm))
    return emit_reshape(call.builder, ordered, call.shape(0))


RULES: Mapping[str, Rule] = {
    "Transpose": _transpose,
    "DepthToSpace": _blocks,
    "SpaceToDepth": _blocks,
}
