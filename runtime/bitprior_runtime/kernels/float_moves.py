"""Ops that move values, or add them up with fixed weights, as moves of the native float runner."""

import math
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.kernels.float_scope import Scope
from bitprior_runtime.kernels.structures import Geometry, NodeStruct, Op
from bitprior_runtime.ops import OPS
from bitprior_runtime.ops.pooling import matrices as averaging
from bitprior_runtime.ops.resize import matrices as resizing
from bitprior_runtime.ops.separable import Matrices
from bitprior_runtime.program import Attribute, Node, Shape


def move(scope: Scope, source: int, output: int, index: NDArray[Any]) -> NodeStruct:
    """Add y[i] = x[index[i]]; where the index is -1, nothing is added to y[i]."""
    made = scope.plan.node(Op.MOVE, [source], output)
    target = np.flatnonzero(index >= 0)
    made.count, made.first = target.size, 1
    made.source = scope.plan.integers(index[target])
    made.target = scope.plan.integers(target)
    return made


def rearrange(scope: Scope, node: Node, attributes: Mapping[str, Attribute]) -> None:
    """Compile an op that only moves values: its numpy form, run on their numbers, says where to."""
    attributes = dict(attributes)
    filling = attributes.get("value")
    if filling is not None:
        attributes["value"] = 0.0
    numbers, begin = [], 1  # zero is what Pad puts in
    for name in node.inputs:
        shape = scope.shapes[name]
        size = int(np.prod(shape))
        numbers.append(np.arange(begin, begin + size, dtype=np.int32).reshape(1, *shape))
        begin += size
    origin = OPS[node.op].forward(numbers, attributes).reshape(-1)
    output = scope.values[node.output] = scope.plan.value(scope.shapes[node.output])
    for position, (name, range_) in enumerate(zip(node.inputs, numbers, strict=True)):
        low = int(range_.min())
        inside = (origin >= low) & (origin < low + range_.size)
        made = move(scope, scope.values[name], output, np.where(inside, origin - low, -1))
        made.first = int(position == 0)
        if filling:
            made.term = scope.plan.floats(np.where(inside, 0.0, cast(float, filling)))


def resize(scope: Scope, node: Node, attributes: Mapping[str, Attribute]) -> None:
    """Compile Resize, one axis after the other."""
    _separable(scope, node, resizing(scope.shapes[node.inputs[0]], attributes))


def pool(scope: Scope, node: Node, attributes: Mapping[str, Attribute]) -> None:
    """Compile AveragePool, one axis after the other."""
    _separable(scope, node, averaging(scope.shapes[node.inputs[0]], attributes))


def _separable(scope: Scope, node: Node, matrices: Matrices) -> None:
    """Compile a map that acts on each axis by itself: what C is told is of one line of each."""
    shape, value = scope.shapes[node.inputs[0]], scope.values[node.inputs[0]]
    for axis, matrix in matrices.items():
        wanted = (*shape[: axis - 1], len(matrix), *shape[axis:])
        output = scope.plan.value(wanted)
        made = scope.plan.node(Op.LINES, [value], output)
        made.geometry = Geometry(
            channels=math.prod(shape[: axis - 1]),
            height=shape[axis - 1],
            width=math.prod(shape[axis:]),
            rows=len(matrix),
        )
        target, source = np.nonzero(matrix)
        made.count = source.size
        made.source, made.target = scope.plan.integers(source), scope.plan.integers(target)
        if (matrix[target, source] != 1).any():
            made.factor = scope.plan.floats(matrix[target, source])
        shape, value = wanted, output
    scope.values[node.output] = value


def spread(scope: Scope, name: str, node: Node) -> int:
    """Return an activation repeated along the axes where the node's output is longer."""
    shape, wanted = scope.shapes[name], scope.shapes[node.output]
    if shape == wanted:
        return scope.values[name]
    index = np.arange(int(np.prod(shape))).reshape(shape)
    output = scope.plan.value(wanted)
    move(scope, scope.values[name], output, np.broadcast_to(index, wanted).reshape(-1))
    return output


def reduce(scope: Scope, node: Node, attributes: Mapping[str, Attribute]) -> None:
    """Compile a sum or mean over axes; GlobalAveragePool is one over all but the channels."""
    shape = scope.shapes[node.inputs[0]]
    default = tuple(range(2, len(shape) + 1))
    axes = [axis - 1 for axis in cast(Shape, attributes.get("axes", default))]
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    target = np.arange(int(np.prod(kept))).reshape(kept)
    made = scope.new(node, Op.MOVE)
    made.first, made.count = 1, int(np.prod(shape))
    made.source = scope.plan.integers(np.arange(made.count))
    made.target = scope.plan.integers(np.broadcast_to(target, shape))
    if node.op != "ReduceSum":
        share = np.prod(kept) / np.prod(shape)
        made.factor = scope.plan.floats(np.full(made.count, share))
