"""How each op of a program becomes nodes of the native float runner."""

import ctypes
from collections.abc import Callable, Mapping
from typing import cast

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.kernels.float_functions import FUNCTIONS, function, negative, parametric, selu
from bitprior_runtime.kernels.float_moves import pool, rearrange, reduce, resize, spread
from bitprior_runtime.kernels.float_scope import Scope, UnsupportedOpError
from bitprior_runtime.kernels.library import library
from bitprior_runtime.kernels.structures import Geometry, NodeStruct, Op
from bitprior_runtime.kernels.weights import PackedMatrix
from bitprior_runtime.program import Attribute, Node, Shape

Rule = Callable[[Scope, Node, Mapping[str, Attribute]], None]


def _per_channel(
    scope: Scope, node: NodeStruct, matrix: PackedMatrix, channels: int, factor: float = 1.0
) -> None:
    """Set the scale of each output channel; channels of a group repeat."""
    if matrix.scale is None and factor == 1.0:
        return
    scale = np.ones(1, np.float32) if matrix.scale is None else matrix.scale.reshape(-1)
    repeated = np.tile(scale, channels // scale.size) * np.float32(factor)
    node.scale = scope.plan.floats(repeated)


def _linear(scope: Scope, node: Node, attributes: Mapping[str, Attribute]) -> None:
    shape = scope.program.tensors[node.inputs[1]].shape
    by_rows = bool(attributes.get("transB", 0))
    matrix = scope.matrix(node.inputs[1], channels=0 if by_rows else 1, transpose=not by_rows)
    outputs = shape[0] if by_rows else shape[1]
    made = scope.new(node, Op.LINEAR)
    made.count = int(np.prod(scope.shapes[node.output])) // outputs
    scope.plan.set_weight(made, matrix)
    alpha = cast(float, attributes.get("alpha", 1.0))
    _per_channel(scope, made, matrix, outputs, alpha)
    if len(node.inputs) == 3:
        bias = scope.constant(node.inputs[2]) * np.float32(cast(float, attributes["beta"]))
        made.bias = scope.plan.floats(np.broadcast_to(bias, (1, outputs)))


def _convolution(scope: Scope, node: Node, attributes: Mapping[str, Attribute]) -> None:
    forward = node.op == "Conv"
    dense, patches = scope.shapes[node.inputs[0]], scope.shapes[node.output]
    if not forward:
        dense, patches = patches, dense
    pads = cast(Shape, attributes["pads"])
    geometry = Geometry(*dense, *patches, top=pads[0], left=pads[1])
    geometry.kernel[:] = scope.program.tensors[node.inputs[1]].shape[2:]
    geometry.strides[:] = cast(Shape, attributes["strides"])
    geometry.dilations[:] = cast(Shape, attributes["dilations"])
    geometry.groups = cast(int, attributes["group"])
    matrix = scope.matrix(node.inputs[1], channels=0 if forward else 1)
    made = scope.new(node, Op.CONV if forward else Op.CONV_TRANSPOSE)
    made.geometry = geometry
    scope.plan.scratch = max(scope.plan.scratch, _scratch(geometry))
    scope.plan.set_weight(made, matrix)
    _per_channel(scope, made, matrix, scope.shapes[node.output][0])
    if len(node.inputs) == 3:
        made.bias = scope.plan.floats(scope.constant(node.inputs[2]))


def _scratch(geometry: Geometry) -> int:
    size = library().bp_float_scratch
    size.restype = ctypes.c_int64
    floats = int(size(ctypes.byref(geometry)))
    if floats < 0:
        raise UnsupportedOpError("Conv", "its sizes fit no memory")
    return floats


def _same(scope: Scope, node: Node, attributes: Mapping[str, Attribute]) -> None:
    scope.values[node.output] = scope.values[node.inputs[0]]


_PAIRS = {"Add": Op.ADD, "Sub": Op.SUB, "Mul": Op.MUL, "Div": Op.DIV}


def _arithmetic(scope: Scope, node: Node, attributes: Mapping[str, Attribute]) -> None:
    constants = [name for name in node.inputs if name not in scope.values]
    if constants:
        _affine(scope, node, scope.constant(constants[0]), node.inputs[0] == constants[0])
    else:
        inputs = [spread(scope, name, node) for name in node.inputs]
        scope.values[node.output] = scope.plan.value(scope.shapes[node.output])
        scope.plan.node(_PAIRS[node.op], inputs, scope.values[node.output])


def _affine(scope: Scope, node: Node, constant: NDArray[np.float32], first: bool) -> None:
    """Make c op x or x op c, with a constant, x * factor + term."""
    name = next(name for name in node.inputs if name in scope.values)
    source = spread(scope, name, node)
    shape = scope.shapes[node.output]
    full = np.broadcast_to(constant, (1, *shape))
    if node.op == "Div" and first:  # c / x = x^-1 * c
        inverse = scope.plan.value(shape)
        power = scope.plan.node(Op.POW, [source], inverse)
        power.factor = scope.plan.floats(np.full(shape, -1.0))
        source = inverse
    scope.values[node.output] = scope.plan.value(shape)
    made = scope.plan.node(Op.AFFINE, [source], scope.values[node.output])
    if node.op == "Mul" or (node.op == "Div" and first):
        made.factor = scope.plan.floats(full)
    elif node.op == "Div":
        with np.errstate(divide="ignore"):
            made.factor = scope.plan.floats(1 / full)
    elif node.op == "Sub" and first:
        made.factor = scope.plan.floats(np.full(full.shape, -1.0))
        made.term = scope.plan.floats(full)
    else:
        made.term = scope.plan.floats(-full if node.op == "Sub" else full)


def _max_pool(scope: Scope, node: Node, attributes: Mapping[str, Attribute]) -> None:
    made = scope.new(node, Op.MAX_POOL)
    pads = cast(Shape, attributes["pads"])
    geometry = Geometry(
        *scope.shapes[node.inputs[0]], *scope.shapes[node.output], top=pads[0], left=pads[1]
    )
    geometry.kernel[:] = cast(Shape, attributes["kernel_shape"])
    geometry.strides[:] = cast(Shape, attributes["strides"])
    geometry.dilations[:] = (1, 1)
    geometry.groups = 1
    made.geometry = geometry


def _instance_norm(scope: Scope, node: Node, attributes: Mapping[str, Attribute]) -> None:
    made = scope.new(node, Op.INSTANCE_NORM)
    made.count = int(np.prod(scope.shapes[node.output][1:]))
    made.alpha = cast(float, attributes["epsilon"])
    scale, bias = (scope.constant(name) for name in node.inputs[1:])
    made.scale, made.bias = scope.plan.floats(scale), scope.plan.floats(bias)


RULES: Mapping[str, Rule] = {
    "Gemm": _linear,
    "MatMul": _linear,
    "Conv": _convolution,
    "ConvTranspose": _convolution,
    **dict.fromkeys(FUNCTIONS, function),
    **dict.fromkeys(["Reshape", "Flatten", "Identity"], _same),
    **dict.fromkeys(_PAIRS, _arithmetic),
    **dict.fromkeys(["PRelu", "Pow"], parametric),
    **dict.fromkeys(
        ["Slice", "Concat", "Transpose", "Pad", "DepthToSpace", "SpaceToDepth"], rearrange
    ),
    "Resize": resize,
    "AveragePool": pool,
    "MaxPool": _max_pool,
    "InstanceNormalization": _instance_norm,
    "Neg": negative,
    "Selu": selu,
    **dict.fromkeys(["ReduceMean", "ReduceSum", "GlobalAveragePool"], reduce),
}
